/// A number from the text of a scalar: `21.5`, `-0`, `1e5`.
///
/// Rounded to the nearest double, ties to even; too large a number is infinite. Of a text of more
/// than 1,024 bytes only the first 19 digits count.
///
/// - Returns: nil where the whole text is not a number as RFC 8259, section 6, writes it: a unit
///   behind it, a plus sign, a zero in front, hexadecimal, `nan` and `inf` are none.
/// - Complexity: O(bytes).
public func decimalNumber(_ bytes: UnsafeRawBufferPointer) -> Double? {
  var position = 0
  guard let number = try? unsafe DecimalNumber(bytes, &position, end: bytes.count),
    position == bytes.count
  else { return nil }
  return unsafe number.value(of: bytes, 0..<position)
}

/// A decimal number that was read and not yet rounded.
struct DecimalNumber {
  private var isNegative = false
  /// The first 19 digits that count.
  private var digits: UInt64 = 0
  private var digitCount = 0
  /// What power of ten the digits are multiplied by.
  private var exponent = 0
  /// Whether no digit but 0 was left out.
  private var isWhole = true

  private static let digitCountMax = 19
  /// A longer text is rounded by its first digits only, so that its cost is bounded.
  private static let textByteCountMax = 1024

  /// Reads a number at `position`, which stands behind it afterwards; what follows is not judged.
  ///
  /// - Parameters:
  ///   - bytes: where it stands.
  ///   - position: of its first byte.
  ///   - end: where the text ends.
  ///   - isLoose: whether a plus sign, zeros in front and a point without digits on one of its
  ///     sides may stand there too (line protocol).
  /// - Throws: that no number stands there, or only the begin of one.
  @inline(__always)
  init(
    _ bytes: UnsafeRawBufferPointer,
    _ position: inout Int,
    end: Int,
    isLoose: Bool = false
  ) throws(PayloadFault) {
    if position < end {
      let sign = unsafe bytes[position]
      isNegative = sign == UInt8(ascii: "-")
      if isNegative || isLoose && sign == UInt8(ascii: "+") { position += 1 }
    }
    let start = position
    if !isLoose, position < end, unsafe bytes[position] == 0x30 {
      position += 1
    } else {
      unsafe takeDigits(bytes, &position, end, worth: 0)
    }
    var count = position - start
    if count == 0, !isLoose { throw Self.fault(position, end) }
    if position < end, unsafe bytes[position] == UInt8(ascii: ".") {
      position += 1
      let start = position
      unsafe takeDigits(bytes, &position, end, worth: -1)
      if position == start, !isLoose { throw Self.fault(position, end) }
      count += position - start
    }
    if count == 0 { throw Self.fault(position, end) }
    if position < end, unsafe bytes[position] | 0x20 == UInt8(ascii: "e") {
      try unsafe takeExponent(bytes, &position, end)
    }
  }

  @inline(__always)
  private static func fault(_ position: Int, _ end: Int) -> PayloadFault {
    position < end ? .malformed : .truncated
  }

  /// Takes digits, of which each adds `worth` to the exponent: -1 behind the point.
  @inline(__always)
  private mutating func takeDigits(
    _ bytes: UnsafeRawBufferPointer,
    _ position: inout Int,
    _ end: Int,
    worth: Int
  ) {
    while position < end {
      let digit = unsafe bytes[position] &- 0x30
      if digit > 9 { return }
      position += 1
      if digitCount < Self.digitCountMax {
        digits = digits &* 10 &+ UInt64(digit)
        if digits != 0 { digitCount += 1 }
        exponent += worth
      } else {
        if digit != 0 { isWhole = false }
        exponent += worth + 1
      }
    }
  }

  private mutating func takeExponent(
    _ bytes: UnsafeRawBufferPointer,
    _ position: inout Int,
    _ end: Int
  ) throws(PayloadFault) {
    position += 1
    var isNegative = false
    if position < end, unsafe bytes[position] == UInt8(ascii: "-") {
      isNegative = true
      position += 1
    } else if position < end, unsafe bytes[position] == UInt8(ascii: "+") {
      position += 1
    }
    let start = position
    var value = 0
    while position < end {
      let digit = unsafe bytes[position] &- 0x30
      if digit > 9 { break }
      // A payload has less digits than that, so none of them brings such a number back.
      if value < 100_000_000 { value = value * 10 + Int(digit) }
      position += 1
    }
    if position == start { throw Self.fault(position, end) }
    exponent += isNegative ? -value : value
  }

  /// The number as a double.
  ///
  /// - Parameters:
  ///   - bytes: where it was read from.
  ///   - range: its text there.
  /// - Returns: rounded to the nearest, ties to even; infinite if too large.
  @inline(__always)
  func value(of bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Double {
    let magnitude = unsafe exactly() ?? longMagnitude(bytes, range)
    return isNegative ? -magnitude : magnitude
  }

  /// Without the sign, where whole numbers of 64 bits suffice to round it rightly.
  @inline(__always)
  private func exactly() -> Double? {
    if digits == 0 { return 0 }
    guard isWhole else { return nil }
    if exponent == 0 { return Double(digits) }
    if digits <= 1 << 53 {
      // Both are exact as doubles, so one rounding is all there is.
      if exponent < 0, exponent >= -22 { return Double(digits) / powersOfTen[-exponent] }
      if exponent > 0, exponent <= 22 { return Double(digits) * powersOfTen[exponent] }
    }
    return exponent < 0 && exponent >= -19 ? quotient() : nil
  }

  /// The digits divided by a power of ten of at most 64 bits: 64 bits of the quotient, the last of
  /// which also stands for the rest, are rounded once.
  private func quotient() -> Double {
    let divisor = wholePowersOfTen[-exponent]
    let divisorShift = divisor.leadingZeroBitCount
    let digitShift = digits.leadingZeroBitCount
    let dividend = digits << UInt64(digitShift)
    let (quotient, rest) = (divisor << UInt64(divisorShift))
      .dividingFullWidth((dividend >> 1, dividend << 63))
    // Between 2^-127 and 1, so a normal number.
    let unit = UInt64(1023 + divisorShift - digitShift - 63) << 52
    return Double(rest == 0 ? quotient : quotient | 1) * Double(bitPattern: unit)
  }

  /// Without the sign, by way of the standard library.
  private func longMagnitude(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Double {
    // Every digit counted, a double reaches from 5e-324 to 1.8e308.
    if exponent + digitCount > 310 { return .infinity }
    if exponent + digitCount < -330 { return 0 }
    if range.count > Self.textByteCountMax { return Double("\(digits)e\(exponent)") ?? 0 }
    let text = unsafe String(decoding: bytes[range], as: UTF8.self)
    return abs(Double(text) ?? 0)
  }
}

private let powersOfTen: [Double] = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
  1e18, 1e19, 1e20, 1e21, 1e22,
]

private let wholePowersOfTen: [UInt64] = [
  1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
  10_000_000_000, 100_000_000_000, 1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000,
  1_000_000_000_000_000, 10_000_000_000_000_000, 100_000_000_000_000_000,
  1_000_000_000_000_000_000, 10_000_000_000_000_000_000,
]
