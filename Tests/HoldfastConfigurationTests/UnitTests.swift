import HoldfastEvent
import Testing

@testable import HoldfastConfiguration

@Suite struct UnitTests {
  @Test(arguments: [
    ("1ms", 1_000), ("250ms", 250_000), ("5s", 5_000_000), ("1m", 60_000_000),
    ("1h", 3_600_000_000), ("7d", 604_800_000_000), ("0s", 0), ("10 s", 10_000_000),
    ("007s", 7_000_000),
  ])
  func durationsAreReadInEveryUnit(text: String, microseconds: Int64) {
    #expect(parseQuantity(text, units: Unit.durations) == .success(microseconds))
  }

  @Test(arguments: [
    ("1B", 1), ("64KiB", 65_536), ("256MiB", 268_435_456), ("1GiB", 1_073_741_824),
    ("1TiB", 1_099_511_627_776), ("1KB", 1_000), ("1MB", 1_000_000), ("1GB", 1_000_000_000),
    ("1TB", 1_000_000_000_000), ("3 MiB", 3_145_728),
  ])
  func sizesAreReadInEveryUnit(text: String, byteCount: Int64) {
    #expect(parseQuantity(text, units: Unit.sizes) == .success(byteCount))
  }

  @Test(
    arguments: [
      ("", .noNumber), ("s", .noNumber), ("-1s", .noNumber), (" 1s", .noNumber), ("٣s", .noNumber),
      ("1", .noUnit), ("1 ", .noUnit), ("1.5s", .fraction), ("1,5s", .fraction),
      ("1us", .unknownUnit("us")), ("1S", .unknownUnit("S")), ("1  s", .unknownUnit(" s")),
      ("1h30m", .unknownUnit("h30m")), ("1s ", .unknownUnit("s ")),
      ("9223372036854775808ms", .tooLarge), ("9223372036854775807ms", .tooLarge),
      ("106751992d", .tooLarge),
    ] as [(String, UnitError)]
  )
  func whatIsNoDurationIsToldApart(text: String, error: UnitError) {
    #expect(parseQuantity(text, units: Unit.durations) == .failure(error))
  }

  @Test func theLargestDurationFits() {
    #expect(
      parseQuantity("106751991d", units: Unit.durations) == .success(9_223_372_022_400_000_000)
    )
  }

  @Test func quantitiesAreShownInTheLargestUnitThatLeavesThemWhole() {
    #expect(formattedDuration(250_000) == "250ms")
    #expect(formattedDuration(1_250_000) == "1250ms")
    #expect(formattedDuration(60_000_000) == "1m")
    #expect(formattedDuration(7 * 86_400_000_000) == "7d")
    #expect(formattedDuration(0) == "0ms")
    #expect(formattedSize(256 << 20) == "256MiB")
    #expect(formattedSize(1_000_000) == "1MB")
    #expect(formattedSize(1_001) == "1001B")
  }

  @Test func whatIsShownIsReadAsTheSame() {
    var random = SplitMix64(seed: 1)
    for _ in 0..<200 {
      let microseconds = Int64.random(in: 1...1 << 40, using: &random) / 1_000 * 1_000
      let text = formattedDuration(microseconds)
      #expect(parseQuantity(text, units: Unit.durations) == .success(microseconds))
      let byteCount = Int.random(in: 0...1 << 40, using: &random)
      #expect(
        parseQuantity(formattedSize(byteCount), units: Unit.sizes) == .success(Int64(byteCount))
      )
    }
  }
}

@Suite struct WordTests {
  @Test(arguments: [
    ("sise", "size"), ("sizes", "size"), ("szie", "size"), ("max-age", "max_age"),
    ("maxage", "max_age"), ("MaxAge", "max_age"), ("comit_intervall", "commit_interval"),
  ])
  func aSlipFindsItsWord(slip: String, word: String) {
    let known = ["size", "max_age", "commit_interval", "when_full"]
    #expect(nearest(to: slip, among: known) == word)
  }

  @Test func whatResemblesNothingFindsNothing() {
    let known = ["size", "max_age", "id"]
    #expect(nearest(to: "colour", among: known) == nil)
    #expect(nearest(to: "", among: known) == nil)
    #expect(nearest(to: String(repeating: "size", count: 1_000), among: known) == nil)
  }

  @Test func quotedTextIsOneShortLine() {
    #expect(quoted("a\nb") == "\"a\\u{a}b\"")
    #expect(quoted(String(repeating: "x", count: 100)).unicodeScalars.count == 63)
  }
}
