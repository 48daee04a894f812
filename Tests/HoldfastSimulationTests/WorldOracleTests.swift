import HoldfastEvent
import Testing

@testable import HoldfastSimulation

/// What the world judges by must itself be right.
@Suite struct WorldOracleTests {
  private let log = LogID(high: 1, low: 2)

  @Test func `ranges of numbers join where they touch or overlap`() {
    var ranges = NumberRanges()
    ranges.insert(10..<20)
    ranges.insert(30..<40)
    ranges.insert(20..<22)
    ranges.insert(5..<6)
    #expect(ranges.ranges == [5..<6, 10..<22, 30..<40])
    ranges.insert(15..<31)
    #expect(ranges.ranges == [5..<6, 10..<40])
    #expect(ranges.count == 31)
    #expect(ranges.count(from: 35) == 5)
    #expect(ranges.contains(39) && !ranges.contains(40) && !ranges.contains(9))
    #expect(ranges.missing(from: 0..<50) == [0..<5, 6..<10, 40..<50])
    #expect(ranges.missing(from: 12..<20).isEmpty)
  }

  @Test func `numbers after a refusal are told by the next commit`() {
    var numbering = Numbering()
    numbering.begin(log, next: 1)
    #expect(numbering.give([7, 8], now: 0) == [0, 1])
    numbering.lose(storingPart: false)
    #expect(numbering.give([9], now: 0).isEmpty)
    #expect(numbering.settle(through: 50) == [2])
    #expect(numbering.places[2].identity == Identity(log: log, number: 50))
    #expect(numbering.next == 51 && !numbering.hasUnknown)
  }

  @Test func `only what was durable is certain`() {
    var numbering = Numbering()
    numbering.begin(log, next: 1)
    _ = numbering.give([0, 1, 2], now: 0)
    numbering.makeCertain(through: 2)
    #expect(numbering.places.map(\.isCertain) == [true, true, false])
    numbering.begin(log, next: 1000)
    numbering.makeCertain(through: 1000)
    #expect(numbering.places.map(\.isCertain) == [true, true, false])
  }

  @Test func `objects are read back byte by byte`() throws {
    let text =
      #"[{"log":"ab","seq":7,"payload":"a\"\\\n\u0001é","topics":["x","y"]},"#
      + #"{"topic_base64":"AP8=","count":null}]"#
    var reader = ObjectReader(Array(text.utf8)[...])
    let next = reader.next()
    let first = try #require(next)
    #expect(first[.seq] == Array("7".utf8))
    #expect(first[.payload] == Array("a\"\\\n".utf8) + [1] + Array("é".utf8))
    #expect(!reader.isAtEnd)
    let last = reader.next()
    let second = try #require(last)
    #expect(second[.topic] == [0, 255])
    #expect(reader.isAtEnd)
    var torn = ObjectReader(Array(#"{"payload":"abc"#.utf8)[...])
    let isTorn = torn.next() == nil && !torn.isAtEnd
    #expect(isTorn)
  }

  @Test func `a number known in one term must stand there, in two it may stand in either`() {
    var bounds = TermBounds()
    bounds.add(.delivered)
    bounds.add([.delivered, .evicted])
    #expect(bounds.least[0] == 1 && bounds.most[0] == 2)
    #expect(bounds.least[4] == 0 && bounds.most[4] == 1)
  }
}
