internal import HoldfastPayload

/// A finite double as the shortest decimal that reads back as it: ± digits × 10^exponent.
struct DecimalText: Equatable {
  private var isNegative: Bool
  /// Without zeros at its end; at most 17 digits.
  private var digits: UInt64
  private var exponent: Int

  /// Nil for an infinite value and for none (`nan`).
  init?(_ value: Double) {
    guard value.isFinite else { return nil }
    isNegative = value < 0
    digits = 0
    exponent = 0
    // The standard library finds the shortest digits; where it puts the point is another matter.
    var fractionCount: Int?
    var power = 0
    var isPowerNegative = false
    var isPower = false
    for byte in value.description.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        let digit = byte - UInt8(ascii: "0")
        if isPower {
          power = power &* 10 &+ Int(digit)
        } else {
          digits = digits &* 10 &+ UInt64(digit)
          if let count = fractionCount { fractionCount = count + 1 }
        }
      case UInt8(ascii: "."): fractionCount = 0
      case UInt8(ascii: "e"): isPower = true
      case UInt8(ascii: "-"): isPowerNegative = isPower
      default: break
      }
    }
    exponent = (isPowerNegative ? -power : power) - (fractionCount ?? 0)
    normalize()
  }

  /// Rounds to at most `count` digits behind the point, a half away from zero.
  ///
  /// It is the shortest text that is rounded, as a reader would: 1.005 to two digits is 1.01, though
  /// the double nearest to 1.005 lies below it.
  mutating func round(digitCount count: Int) {
    let excess = -exponent - max(0, count)
    guard excess > 0 else { return }
    if excess > 18 {
      digits = 0
    } else {
      var divisor: UInt64 = 1
      for _ in 0..<excess { divisor *= 10 }
      let rest = digits % divisor
      digits = digits / divisor + (2 * rest >= divisor ? 1 : 0)
    }
    exponent += excess
    normalize()
  }

  /// The double that the text reads as.
  var value: Double {
    // Both are exact as doubles, and one operation rounds once.
    if digits < 1 << 53, exponent >= -22, exponent <= 22 {
      var power = 1.0
      for _ in 0..<exponent.magnitude { power *= 10 }
      let magnitude = exponent < 0 ? Double(digits) / power : Double(digits) * power
      return isNegative ? -magnitude : magnitude
    }
    var bytes: [UInt8] = []
    append(to: &bytes)
    // What was a finite double and was rounded is a number.
    return unsafe bytes.withUnsafeBytes { unsafe decimalNumber($0) } ?? 0
  }

  private mutating func normalize() {
    if digits == 0 {
      isNegative = false
      exponent = 0
      return
    }
    while digits % 10 == 0 {
      digits /= 10
      exponent += 1
    }
  }

  /// Appends it as a JSON number: plain from 0.000001 up to below 10^21, otherwise as `1.5e-7`.
  func append(to bytes: inout [UInt8]) {
    if isNegative { bytes.append(UInt8(ascii: "-")) }
    var power: UInt64 = 1
    var digitCount = 1
    while digits / power >= 10 {
      power *= 10
      digitCount += 1
    }
    // Digits before the point, as far as there are any.
    let wholeCount = digitCount + exponent
    if wholeCount > 21 || wholeCount < -5 {
      appendDigits(power, pointAfter: 1, to: &bytes)
      bytes.append(UInt8(ascii: "e"))
      bytes.append(contentsOf: String(wholeCount - 1).utf8)
      return
    }
    if wholeCount <= 0 {
      bytes.append(UInt8(ascii: "0"))
      bytes.append(UInt8(ascii: "."))
      for _ in wholeCount..<0 { bytes.append(UInt8(ascii: "0")) }
    }
    appendDigits(power, pointAfter: wholeCount, to: &bytes)
    if wholeCount > digitCount {
      for _ in digitCount..<wholeCount { bytes.append(UInt8(ascii: "0")) }
    }
  }

  /// The digits, the first of which counts `highest`, and a point where one is due between them.
  private func appendDigits(_ highest: UInt64, pointAfter place: Int, to bytes: inout [UInt8]) {
    var power = highest
    var count = 0
    while power > 0 {
      if count == place && count > 0 { bytes.append(UInt8(ascii: ".")) }
      bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digits / power % 10))
      power /= 10
      count += 1
    }
  }
}
