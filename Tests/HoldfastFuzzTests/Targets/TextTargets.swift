import HoldfastEvent

@testable import HoldfastUpstream

/// Any bytes as text: UTF-8, base64, JSON strings, quotes for people.
func fuzzText(_ bytes: [UInt8]) throws(Finding) {
  let isText = String(validating: bytes, as: UTF8.self) != nil
  try check(isValidUTF8(bytes[...]) == isText, "valid UTF-8: \(!isText)")
  let coded = Array(base64(bytes[...]).utf8)
  try check(coded.count == (bytes.count + 2) / 3 * 4, "\(coded.count) digits of base64")
  try check(fromBase64(coded) == bytes, "base64 does not come back")
  let shown = quoted(bytes[...])
  try check(shown.utf8.count <= 6 * 3 * 120 + 8, "\(shown.utf8.count) bytes of quote")
  try check(!shown.utf8.contains { $0 < 0x20 }, "a control character is shown")
  if isText {
    var json: [UInt8] = []
    json.append(jsonString: bytes[...])
    try check(JSONReader.value(of: json) == .text(bytes), "another JSON string")
  }
  var input = FuzzInput(bytes)
  let number = input.unsigned()
  var digits: [UInt8] = []
  digits.append(decimal: number)
  try check(digits == Array(String(number).utf8), "\(number) in decimal")
  try check(UInt64(hexadecimal(number), radix: 16) == number, "\(number) in hexadecimal")
  try check(hexadecimal(number).utf8.count == 16, "\(number) is not 16 digits")
}

/// Instants anywhere in 64 bits.
func fuzzClock(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  var text = TimeText(prefix: { _ in [UInt8(ascii: "<")] }, suffix: [UInt8(ascii: ">")])
  var wall = input.signed()
  for _ in 0..<8 {
    let plain = rfc3339(wallMicroseconds: wall)
    try checkInstant(plain, wall)
    var out: [UInt8] = []
    text.append(wall: wall, to: &out)
    try check(out == Array("<\(plain)>".utf8), "\(wall): \(String(decoding: out, as: UTF8.self))")
    let step = Int64(Int8(bitPattern: input.byte())) * 40_000
    let sum = wall.addingSaturated(step)
    try check(step < 0 ? sum <= wall : sum >= wall, "a sum goes back")
    wall = sum
  }
  let other = input.signed()
  let difference = wall.subtractingSaturated(other)
  try check((difference < 0) == (wall < other), "\(wall) - \(other) is \(difference)")
  let duration = durationText(other)
  try check(duration.utf8.count <= 22 && duration.utf8.first != UInt8(ascii: "-"), duration)
}

/// Reads a time back by counting days, year by year and month by month.
private func checkInstant(_ text: String, _ wall: Int64) throws(Finding) {
  let isNegative = text.hasPrefix("-")
  let parts = text.dropFirst(isNegative ? 1 : 0).split { "-T:.Z".contains($0) }
  let numbers = parts.compactMap { Int64($0) }
  try check(numbers.count == 7 && text.hasSuffix("Z"), text)
  let year = isNegative ? -numbers[0] : numbers[0]
  try check((1...12).contains(numbers[1]) && (1...31).contains(numbers[2]), text)
  // Leap years before `year`, counted from year 0 of the proleptic calendar.
  func floored(_ value: Int64, _ divisor: Int64) -> Int64 {
    value >= 0 ? value / divisor : (value + 1) / divisor - 1
  }
  let before = year - 1
  var days = 365 * year + floored(before, 4) - floored(before, 100) + floored(before, 400)
  days -= 365 * 1970 + 1969 / 4 - 1969 / 100 + 1969 / 400
  let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
  days += lengths.prefix(Int(numbers[1] - 1)).reduce(0, +)
  days += numbers[2] - 1
  let seconds = numbers[3] * 3600 + numbers[4] * 60 + numbers[5]
  try check(numbers[3] < 24 && numbers[4] < 60 && numbers[5] < 60, text)
  let milliseconds = floored(wall, 1000)
  let expected = days * 86_400_000 + seconds * 1000 + numbers[6]
  try check(expected == milliseconds, "\(wall) is \(text)")
}
