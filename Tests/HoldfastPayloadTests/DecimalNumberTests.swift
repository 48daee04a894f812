import HoldfastEvent
import HoldfastPayload
import Testing

/// Against the standard library's own reading of decimal numbers.
@Suite struct DecimalNumberTests {
  private func number(_ text: String) -> Double? {
    Array(text.utf8).withUnsafeBytes { decimalNumber($0) }
  }

  @Test(arguments: [
    "0", "-0", "-0.0", "21.5", "1e5", "1E5", "1e+5", "1e-5", "-1.25e2", "123456789012345",
    "9007199254740993", "9223372036854775808", "18446744073709551615", "18446744073709551616",
    "0.1", "0.000", "1e22", "1e23", "8.5e22", "9007199254740993e0", "21.400000000000002",
    "0.30000000000000004", "5e-324", "2.4703282292062327e-324", "2.4703282292062328e-324",
    "2.2250738585072011e-308", "1.7976931348623157e308", "1.7976931348623158e308",
    "1.7976931348623159e308", "1e400", "-1e400", "1e-400", "0e999999999999999999999", "1e309",
    "123456789012345678901234567890", "0.00000000000000000000000000000000000000001",
    "1.00000000000000011102230246251565404236316680908203125",
    "1.00000000000000011102230246251565404236316680908203124",
    "1.00000000000000011102230246251565404236316680908203126",
  ])
  func `a number is rounded as IEEE 754 says`(text: String) {
    #expect(number(text)?.bitPattern == Double(text)?.bitPattern, "\(text)")
  }

  @Test(arguments: [
    "", "-", "+1", "01", "-01", "00", ".5", "5.", "1.e5", "1e", "1e+", "1e-", "1e5.", "1.5.2", "1 ",
    " 1", "21.5 C", "21,5", "0x10", "nan", "NaN", "inf", "Infinity", "-inf", "1_000", "1e5e5",
    "--1", "1-", "e5", "１", "1\0", "1d5", "1f",
  ])
  func `what is not wholly a number is none`(text: String) {
    #expect(number(text) == nil)
  }

  @Test func `random numbers of all lengths are rounded as the standard library does`() {
    var random = SplitMix64(seed: 17)
    for _ in 0..<60_000 {
      var text = random.next() % 2 == 0 ? "-" : ""
      let digits = (0..<Int(1 + random.next() % 24)).map { _ in "\(random.next() % 10)" }
      var whole = digits.joined().drop { $0 == "0" }
      if whole.isEmpty { whole = "0" }
      text += whole
      let places = Int(random.next() % 22)
      if places > 0 { text += "." + (0..<places).map { _ in "\(random.next() % 10)" }.joined() }
      if random.next() % 3 == 0 { text += "e\(Int(random.next() % 680) - 340)" }
      #expect(number(text)?.bitPattern == Double(text)?.bitPattern, "\(text)")
    }
  }

  @Test func `what a double prints is read back as that double`() {
    var random = SplitMix64(seed: 19)
    for _ in 0..<60_000 {
      let any = Double(bitPattern: random.next())
      let near = Double(Int64(bitPattern: random.next()) >> 30) / 1000 + 0.1
      for value in [any, near] where value.isFinite {
        let text = "\(value)"
        #expect(number(text)?.bitPattern == value.bitPattern, "\(text)")
      }
    }
  }

  @Test func `a very long number costs bounded work and keeps its first digits`() {
    let zeros = String(repeating: "0", count: 200_000)
    #expect(number("0." + zeros + "15e200001") == 1.5)
    #expect(number("15" + zeros + "e-200000") == 15)
    #expect(number("1" + zeros) == .infinity)
    #expect(number("0." + zeros + "1") == 0)
    #expect(number("1e" + zeros + "2") == 100)
    #expect(number("1e9" + zeros) == .infinity)
    #expect(number("1e-9" + zeros) == 0)
    #expect(number("0.5" + zeros + "1") == 0.5)
  }
}
