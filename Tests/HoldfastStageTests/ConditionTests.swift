import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

@Suite struct ConditionTests {
  static let payload = #"""
    {"t":21.5,"n":"21.5","on":true,"off":false,"none":null,"name":"Kitchen \"A\"\u00e9",
    "ENERGY":{"Power":3},"list":[1,{"b":"x"}],"size":7,"unit":"21.5 C","in-1":0}
    """#
  static let event = TestEvent(topic: "plant/7/temp", payload: payload, flags: [.qos1, .retained])

  func holds(
    _ text: String,
    _ event: TestEvent = ConditionTests.event,
    as format: PayloadFormat? = .json
  ) throws -> Bool {
    var keep = StageHarness(
      ConditionStage(try Condition(text), keeps: true),
      format: format
    )
    return keep.feed(event).count == 1
  }

  static let trueOnes = [
    "t > 21", "t >= 21.5", "t == 21.5", "t == 2.15e1", "t < 21.6", "t <= 21.5", "t != 21",
    "n == 21.5", "n > 21", #"n == "21.5""#, "on == 1", "on == true", "off == false", "off != true",
    "off < 1", "none == null", "none exists", "not nothing exists", "nothing != 3",
    "nothing != null", #"name == "Kitchen \"A\"é""#, #"name > "Kitchen""#, #"name < "Z""#,
    "ENERGY.Power == 3", "list[0] == 1", #"list[1].b == "x""#, #"field("size") == 7"#, "in-1 == 0",
    "size > 100", "size < 1000", "qos == 1", "retained", "retained == true", "retained != false",
    #"topic == "plant/7/temp""#, #"topic matches "plant/+/temp""#, #"topic matches "plant/#""#,
    #"topic in ["a", "plant/7/temp"]"#, "t in [1, 21.5, null]", #"t in ["x", 21.5]"#,
    "none in [null]", #"name matches "Kit*""#, #"name matches "*A*?""#, #"name matches "*é""#,
    #"name matches "Kitchen ?A??""#, "unit != 21.5", "ENERGY exists",
    "(t > 1 or t < 0) and retained", "not (t > 30)", "not not retained", "value exists",
    "t > 30 or t > 20 and qos == 1", "t > 20 or t > 30 and qos == 0", "value != 3",
    "\tt>21\nand\r\non==true ", #"name matches "*""#, "list exists", "list != 1",
  ]
  @Test(arguments: trueOnes) func `a condition holds where its words say so`(_ text: String) throws
  {
    #expect(try holds(text))
    #expect(try !holds("not (\(text))"))
  }

  static let falseOnes = [
    "t > 21.5", "t == 21", "unit == 21.5", "unit > 0", "nothing == null", "nothing < 3",
    "nothing > 3", "nothing exists", "none == false", "off == null", "on == null", "t == true",
    "t in [1, 2]", #"t == "21.5""#, #"t matches "21*""#, "list[2] exists", "ENERGY.power exists",
    "ENERGY == 3", "value > 0", #"topic matches "plant/+""#, #"name matches "kit*""#,
    #"name matches "Kitchen""#, #"name matches "Kitchen ?A?""#, #"name == "Kitchen""#, "qos == 0",
    "retained == false", "not retained", "retained and qos == 0", "list == 1", "on == 2",
  ]
  @Test(arguments: falseOnes) func `a condition does not hold where its words say otherwise`(
    _ text: String
  ) throws {
    #expect(try !holds(text))
  }

  static let faults: [(text: String, column: Int, words: String)] = [
    ("", 1, "expected a field"), ("t >", 4, "expected a number"), ("t = 3", 3, "write =="),
    ("t > 3 && on", 7, "\"and\""), ("t > 3 || on", 7, "\"or\""), ("!retained", 1, "\"not\""),
    ("t <> 3", 3, "write !="), ("t > on", 5, "quotes"), ("t > 'x'", 5, "double quotes"),
    ("t > 3 AND retained", 7, "found AND"), ("t", 2, "expected =="), ("(t > 3", 7, "\")\""),
    ("t > 3)", 6, "found \")\""), ("topic > 3", 9, "text"), ("qos == true", 8, "0 or 1"),
    ("retained == 1", 13, "true or false"), ("size == \"a\"", 9, "bytes"),
    ("t < true", 3, "== and !="), ("t >= null", 3, "== and !="), ("topic exists", 7, "every event"),
    ("size matches \"3\"", 6, "for topic"), ("topic matches \"a/#/b\"", 15, "topic filter"),
    ("t in 3", 6, "a list"), ("t in [1 2]", 9, "\",\""), ("t in []", 7, "expected a number"),
    ("t == 0x10", 6, "decimal"), ("t == 1e999", 6, "decimal"), ("t == -", 6, "decimal"),
    ("é == \"a", 6, "closing quote"), ("t == \"\\q\"", 7, "escapes"), ("t..b == 1", 3, ""),
    ("t == \"\\uD800\"", 7, "hexadecimal"), ("field(x) == 1", 7, "in quotes"),
    ("field(\"a..b\") == 1", 10, ""), ("in == 3", 1, "field(\"in\")"), ("t @ 3", 3, "can't stand"),
    ("not", 4, "expected a field"), ("or t > 1", 1, "called or"), ("t > 1 retained", 7, "found"),
    ("5 > t", 1, "expected a field"), ("a:b == 1", 2, "field("),
  ]
  @Test(arguments: faults.indices) func `a wrong condition is told where and what`(
    _ index: Int
  ) {
    let (text, column, words) = Self.faults[index]
    do throws(TextFault) {
      _ = try Condition(text)
      Issue.record("\(text) was taken")
    } catch {
      #expect(error.column == column, "\(text): \(error.message)")
      #expect(error.message.contains(words), "\(text): \(error.message)")
    }
  }

  @Test func `text, nesting, fields and patterns are bounded`() throws {
    func nested(_ count: Int) -> String {
      String(repeating: "(", count: count) + "retained" + String(repeating: ")", count: count)
    }
    func fields(_ count: Int) -> String {
      (0..<count).map { "f\($0) == 1" }.joined(separator: " or ")
    }
    _ = try Condition(nested(Condition.nestingMax))
    #expect(throws: TextFault.self) { try Condition(nested(Condition.nestingMax + 1)) }
    #expect(try Condition(fields(32)).paths.count == Condition.fieldCountMax)
    #expect(throws: TextFault.self) { try Condition(fields(33)) }
    #expect(try Condition(fields(32) + " or f3 > 7").paths.count == 32)
    let long = "retained" + String(repeating: " ", count: Condition.byteCountMax)
    #expect(throws: TextFault.self) { try Condition(long) }
    let pattern = String(repeating: "a*", count: 64)
    _ = try Condition("a matches \"\(pattern)\"")
    #expect(throws: TextFault.self) { try Condition("a matches \"\(pattern)b\"") }
    #expect(try holds(String(repeating: "not ", count: 1000) + "retained"))
  }

  @Test func `a scalar payload is named by value`() throws {
    let number = TestEvent(payload: "21.5"), word = TestEvent(payload: "ON")
    #expect(try holds("value > 21", number, as: .text))
    #expect(try holds(#"value == "ON""#, word, as: .text))
    #expect(try holds(#"value matches "O?""#, word, as: .text))
    #expect(try holds("value > 21", number))
    // Not read: no field is there, the attributes are.
    #expect(try !holds("value > 21", number, as: nil))
    #expect(try holds("size == 4 and value != 21.5", number, as: nil))
  }

  @Test func `drop is the opposite of keep, and what can't be read goes the policy's way`() throws {
    let condition = try Condition("v > 3")
    let good = TestEvent(payload: #"{"v":4}"#), bad = TestEvent(payload: #"{"v":"#)
    var keep = StageHarness(ConditionStage(condition, keeps: true))
    var drop = StageHarness(ConditionStage(condition, keeps: false), setsAside: true)
    #expect(keep.numbers([good, bad, good]) == [1, 2, 3])
    #expect(drop.numbers([good]) == [])
    #expect(drop.pass.verdict == .filtered)
    #expect(drop.numbers([bad]) == [])
    #expect(drop.pass.verdict == .undecodable)
    #expect(drop.pass.decoder.faultCounts.reduce(0, +) == 1)
    // A condition without fields reads no payload.
    var attributes = StageHarness(
      ConditionStage(try Condition("qos == 1"), keeps: true),
      setsAside: true
    )
    #expect(attributes.numbers([bad]) == [1])
  }

  @Test(arguments: 0..<300) func `and, or, not and parentheses mean what logic says`(
    _ seed: UInt64
  ) throws {
    var random = SplitMix64(seed: seed)
    // A random tree, written with the fewest parentheses, and its value by recursion.
    let values = (0..<6).map { _ in Int.random(in: 0...1, using: &random) }
    func tree(_ depth: Int) -> (text: String, rank: Int, value: Bool) {
      let kind = depth == 0 ? 0 : Int.random(in: 0...3, using: &random)
      if kind == 0 {
        let field = Int.random(in: 0..<6, using: &random)
        return ("f\(field) == 1", 3, values[field] == 1)
      }
      let left = tree(depth - 1)
      func wrapped(_ part: (text: String, rank: Int, value: Bool), _ rank: Int) -> String {
        part.rank < rank ? "(\(part.text))" : part.text
      }
      if kind == 1 { return ("not \(wrapped(left, 2))", 2, !left.value) }
      let right = tree(depth - 1)
      return kind == 2
        ? ("\(wrapped(left, 1)) and \(wrapped(right, 1))", 1, left.value && right.value)
        : ("\(wrapped(left, 0)) or \(wrapped(right, 0))", 0, left.value || right.value)
    }
    let expected = tree(6)
    let members = values.enumerated().map { "\"f\($0)\":\($1)" }.joined(separator: ",")
    guard expected.text.utf8.count <= Condition.byteCountMax else { return }
    #expect(try holds(expected.text, TestEvent(payload: "{\(members)}")) == expected.value)
  }

  @Test(arguments: 0..<200) func `a pattern matches what a recursive matcher says`(
    _ seed: UInt64
  ) throws {
    var random = SplitMix64(seed: seed)
    func word(_ alphabet: [String]) -> String {
      (0..<Int.random(in: 0...8, using: &random)).map { _ in
        alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
      }.joined()
    }
    func matches(_ pattern: Substring, _ text: Substring) -> Bool {
      guard let first = pattern.first else { return text.isEmpty }
      if first == "*" {
        return matches(pattern.dropFirst(), text)
          || (!text.isEmpty && matches(pattern, text.dropFirst()))
      }
      return text.first.map { first == "?" || first == $0 } == true
        && matches(pattern.dropFirst(), text.dropFirst())
    }
    for _ in 0..<20 {
      let (pattern, text) = (word(["a", "é", "*", "?"]), word(["a", "é"]))
      let escaped = text.replacing("é", with: Bool.random(using: &random) ? "é" : "\\u00e9")
      let isMatch = try holds(
        "v matches \"\(pattern)\"",
        TestEvent(payload: "{\"v\":\"\(escaped)\"}")
      )
      #expect(isMatch == matches(pattern[...], text[...]), "\(pattern) \(text)")
    }
  }

  @Test func `escapes of a text are undone`() {
    func undone(_ text: String) -> String {
      var reader = TextBytes(Array(text.utf8)[...], hasEscapes: true)
      var bytes: [UInt8] = []
      while let byte = reader.next() { bytes.append(byte) }
      return String(decoding: bytes, as: UTF8.self)
    }
    #expect(undone(#"a\"\\\/\b\f\n\r\tz"#) == "a\"\\/\u{8}\u{c}\n\r\tz")
    #expect(undone(#"\u0041\u00e9\u20AC\uD83D\uDE00"#) == "Aé€😀")
    #expect(undone(#"\uD83Dx\uDE00"#) == "\u{fffd}x\u{fffd}")
    #expect(undone(#"\uD83D\u0041"#) == "\u{fffd}A")
    #expect(undone(#"\u00"#) == #"\u00"#)
    #expect(undone(#"\q\"#) == #"\q\"#)
    #expect(undone(#"\u0000a"#) == "\0a")
  }
}
