import HoldfastEvent
import Testing

@Suite struct TopicFilterTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var filter: String
    var matching: [String]
    var other: [String]
    var testDescription: String { filter }
  }

  // The examples of MQTT 5, sections 4.7.1.2, 4.7.1.3 and 4.7.2, and their edges.
  static let cases = [
    Case(
      filter: "sport/tennis/player1/#",
      matching: [
        "sport/tennis/player1", "sport/tennis/player1/ranking",
        "sport/tennis/player1/score/wimbledon",
      ],
      other: ["sport/tennis/player2", "sport/tennis", "sport/tennis/player11"]
    ),
    Case(
      filter: "sport/#",
      matching: ["sport", "sport/", "sport/a/b"],
      other: ["sports", "a/sport"]
    ),
    Case(filter: "#", matching: ["a", "/", "a/b", "//"], other: ["$SYS", "$SYS/uptime"]),
    Case(
      filter: "sport/tennis/+",
      matching: ["sport/tennis/player1", "sport/tennis/"],
      other: ["sport/tennis", "sport/tennis/player1/ranking"]
    ),
    Case(filter: "sport/+", matching: ["sport/"], other: ["sport"]),
    Case(filter: "+", matching: ["a"], other: ["/a", "a/", "$SYS"]),
    Case(filter: "+/+", matching: ["/finance", "a/b", "/"], other: ["finance", "a/b/c"]),
    Case(filter: "/+", matching: ["/finance", "/"], other: ["finance", "/a/b"]),
    Case(
      filter: "+/tennis/#",
      matching: ["a/tennis", "/tennis/x"],
      other: ["tennis/x", "$a/tennis"]
    ),
    Case(filter: "$SYS/#", matching: ["$SYS", "$SYS/a/b"], other: ["SYS/a", "$SY"]),
    Case(filter: "$SYS/monitor/+", matching: ["$SYS/monitor/Clients"], other: ["$SYS/monitor"]),
    Case(
      filter: "+/monitor/Clients",
      matching: ["a/monitor/Clients"],
      other: ["$SYS/monitor/Clients"]
    ),
    Case(filter: "a", matching: ["a"], other: ["A", "a/", "/a", "aa", ""]),
    Case(filter: "+/#", matching: ["a", "a/b", "/"], other: ["$a"]),
    Case(filter: "a/+/c", matching: ["a/b/c", "a//c"], other: ["a/c", "a/b/c/", "a/b/d"]),
    Case(filter: "ü/℃", matching: ["ü/℃"], other: ["ü/°C"]),
  ]

  @Test func `captures are what the wildcards stand for, in order`() throws {
    func captures(_ filter: String, _ topic: String) throws -> [String]? {
      let bytes = Array("before/\(topic)".utf8).dropFirst(7)
      var ranges = [0..<1]
      guard try #require(TopicFilter(filter)).captures(in: bytes, into: &ranges) else {
        #expect(ranges.isEmpty)
        return nil
      }
      return ranges.map { String(decoding: bytes[$0], as: UTF8.self) }
    }
    #expect(try captures("a/+/c/+", "a/b/c/d") == ["b", "d"])
    #expect(try captures("+/+", "/x") == ["", "x"])
    #expect(try captures("a/+/#", "a/b/c/d") == ["b", "c/d"])
    #expect(try captures("a/+/#", "a/b") == ["b", ""])
    #expect(try captures("a/#", "a/") == [""])
    #expect(try captures("#", "a/b") == ["a/b"])
    #expect(try captures("a/b", "a/b") == [])
    #expect(try captures("a/+", "a/b/c") == nil)
    #expect(try captures("#", "$SYS") == nil)
  }

  @Test(arguments: cases) func aFilterMatchesWhatTheStandardSays(_ example: Case) throws {
    let filter = try #require(TopicFilter(example.filter))
    for topic in example.matching { #expect(filter.matches(topic), "\(topic)") }
    for topic in example.other { #expect(!filter.matches(topic), "\(topic)") }
  }

  @Test(arguments: [
    "", "sport/tennis#", "sport/tennis/#/ranking", "sport+", "a/+b", "##", "#/", "++", "a\0b",
    String(repeating: "a", count: 65_536),
  ])
  func anInvalidFilterIsRefused(_ text: String) {
    #expect(TopicFilter(text) == nil)
  }

  @Test func theLongestFilterIsValid() {
    #expect(TopicFilter(String(repeating: "a", count: 65_535)) != nil)
  }

  @Test func aSliceOfALargerBufferIsMatchedByItsOwnBounds() throws {
    let bytes = Array("xxa/byy".utf8)
    #expect(try #require(TopicFilter("a/+")).matches(bytes[2..<5]))
  }

  @Test(arguments: [
    ("a", "a", true), ("a", "b", false), ("a/#", "a", true), ("a/b/#", "a", false),
    ("#", "a/b", true), ("#", "$SYS/a", false), ("+/a", "$SYS/a", false), ("#", "+", true),
    ("$SYS/#", "$SYS/+", true), ("+/b", "a/+", true), ("+/b/c", "a/+", false),
    ("+/#", "a", true), ("a/+/c", "a/b/+", true), ("a/+/c", "a/b/d", false), ("/", "+/+", true),
  ])
  func filtersOverlapWhenSomeTopicMatchesBoth(
    _ left: String,
    _ right: String,
    _ expected: Bool
  )
    throws
  {
    let left = try #require(TopicFilter(left))
    let right = try #require(TopicFilter(right))
    #expect(left.overlaps(right) == expected)
    #expect(right.overlaps(left) == expected)
  }

  /// All filters and topics of up to three levels over a small alphabet: the definition itself.
  @Test func overlapAgreesWithTryingEveryTopic() {
    let words = ["a", "$", ""]
    func texts(_ levels: [String]) -> [String] {
      var all: [String] = []
      var current = [""]
      for depth in 0..<3 {
        current = current.flatMap { start in
          levels.map { depth == 0 ? $0 : start + "/" + $0 }
        }
        all += current
      }
      return all
    }
    let topics = texts(words + ["b"]).filter { !$0.isEmpty }
    let filters = texts(words + ["+", "#"]).compactMap { TopicFilter($0) }
    let matched = filters.map { filter in topics.map { filter.matches($0) } }
    for (index, filter) in filters.enumerated() {
      for (otherIndex, other) in filters.enumerated() {
        let meets = zip(matched[index], matched[otherIndex]).contains { $0 && $1 }
        #expect(filter.overlaps(other) == meets, "\(filter) and \(other)")
      }
    }
  }
}
