import HoldfastEvent
import Testing

@testable import HoldfastStage

@Suite struct ResultTextTests {
  @Test(arguments: [
    (21.5, "21.5"), (3, "3"), (-0.0, "-0"), (1e300, "1e+300"), (0.1, "0.1"),
    (.leastNonzeroMagnitude, "5e-324"),
    (.infinity, "null"), (-.infinity, "null"), (.nan, "null"), (1e16, "1e+16"),
  ])
  func `a number is its shortest decimal, and null where it is none`(value: Double, text: String) {
    var json = ResultText()
    json.append(number: value)
    #expect(String(decoding: json.bytes, as: UTF8.self) == text)
    if value.isFinite { #expect(isJSONNumber(json.bytes[...])) }
  }

  @Test(arguments: [
    ("a/b", "\"a/b\""), ("ä\"\\", "\"ä\\\"\\\\\""), ("\n\u{1f}", "\"\\u000a\\u001f\""),
    ("", "\"\""),
  ])
  func `a text is escaped`(text: String, json: String) {
    #expect(String(decoding: jsonText(Array(text.utf8)), as: UTF8.self) == json)
  }

  @Test func `bytes that are no UTF-8 are replaced`() {
    #expect(String(decoding: jsonText([0xff]), as: UTF8.self) == "\"\u{fffd}\"")
  }

  @Test(arguments: [
    ("21.50", true), ("-0", true), ("1e5", true), ("1E-05", true), ("0.0e+9", true), ("0", true),
    ("", false), ("-", false), ("01", false), ("1.", false), (".5", false), ("+1", false),
    ("1e", false), ("1e+", false), ("0x10", false), ("1 ", false), ("nan", false), ("--1", false),
  ])
  func `only what RFC 8259 calls a number keeps its text`(text: String, isNumber: Bool) {
    #expect(isJSONNumber(Array(text.utf8)[...]) == isNumber)
    var number = NumberText()
    number.set(Array(text.utf8)[...], 7.5)
    #expect(String(decoding: number.bytes, as: UTF8.self) == (isNumber ? text : "7.5"))
  }

  @Test func `a text beyond the limit is replaced by its value`() {
    var number = NumberText()
    let longest = "1." + String(repeating: "0", count: NumberText.byteCountMax - 2)
    number.set(Array(longest.utf8)[...], 1)
    #expect(number.bytes == Array(longest.utf8))
    number.set(Array((longest + "0").utf8)[...], 1)
    #expect(number.bytes == Array("1".utf8))
  }

  @Test(arguments: [
    ("{topic}", "p/1"), ("agg/{topic}/1m", "agg/p/1/1m"), ("{topic}{topic}", "p/1p/1"), ("x", "x"),
    ("", "p/1"), ("{topi}", "{topi}"), ("{1}/{topic}", "/p/1"),
  ])
  func `a result's topic is filled in`(template: String, topic: String) {
    #expect(ResultTopic(template).filled(with: Array("p/1".utf8)) == Array(topic.utf8))
  }

  @Test func `a topic that would be too long is the key`() {
    let key = [UInt8](repeating: 97, count: 40_000)
    let filters = ["a/#", "p/+"].compactMap { TopicFilter($0) }
    #expect(
      ResultTopic("x/{1}/{topic}", filters: filters).filled(with: Array("p/1".utf8))
        == Array("x/1/p/1".utf8)
    )
    #expect(ResultTopic("{topic}{topic}").filled(with: key) == key)
  }

  @Test func `a span that was sent before gets a revision of its own`() {
    var floor = RevisionFloor()
    var seen: Set<[Int64]> = []
    for start: Int64 in [10, 20, 15, 15, 30, 20, 10, 40, 10, 40, -5] {
      let revision = floor.revision(at: start)
      floor.note(start: start, revision: revision)
      #expect(seen.insert([start, Int64(revision)]).inserted)
    }
    #expect(floor.revision(at: 41) == 0)
  }
}
