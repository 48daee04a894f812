import HoldfastAgent
import HoldfastConfiguration
import HoldfastRingLog
import HoldfastUpstream
import Testing

/// `id` and `from` of an upstream.
@Suite struct UpstreamPlaceTests {
  private func upstream(_ lines: String) throws -> UpstreamConfiguration? {
    try load(sample(upstream: lines)).configuration.upstreams.first
  }

  @Test(arguments: [
    ("", UpstreamStart.now), ("from = \"now\"", .now), ("from = \"oldest\"", .oldest),
    ("from = 17", .number(17)), ("from = \"1970-01-01T00:00:01Z\"", .time(1_000_000)),
    ("from = \"2026-01-31T12:00:00+02:00\"", .time(1_769_853_600_000_000)),
  ])
  func fromIsAPlaceInTheLog(_ line: String, _ expected: UpstreamStart) throws {
    #expect(try upstream(line)?.start == expected)
  }

  @Test(arguments: [
    "from = 0", "from = -1", "from = 1.5", "from = true", "from = \"17\"", "from = \"yesterday\"",
    "from = \"2026-01-31\"", "from = \"2026-01-31T12:00:00\"", "from = 2026-01-31T12:00:00Z",
  ])
  func whatIsNoPlaceIsRefused(_ line: String) {
    #expect(problems(of: sample(upstream: line)).map(\.key) == ["from"])
  }

  @Test func theNameIsTheIDUnlessOneIsGiven() throws {
    #expect(try upstream("")?.id == "central")
    #expect(try upstream("id = \"old\"")?.id == "old")
    #expect(problems(of: sample(upstream: "id = \"a b\"")).map(\.key) == ["id"])
  }

  @Test func noTwoUpstreamsShareAPlace() {
    let second = """
      [[upstream]]
      name = "second"
      url = "mqtt://127.0.0.1:3883"
      """
    #expect(problems(of: sample(end: second)).isEmpty)
    #expect(problems(of: sample(end: second + "\nid = \"central\"")).map(\.key) == ["id"])
    #expect(problems(of: sample(upstream: "id = \"second\"", end: second)).map(\.key) == ["id"])
    let swapped = sample(upstream: "id = \"second\"", end: second + "\nid = \"central\"")
    #expect(problems(of: swapped).isEmpty, "renamed one into the other")
  }
}
