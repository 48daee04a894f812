/// What a field is worth as a number: of a number its value, of a boolean 1 or 0, of a text the
/// number that it is (``decimalNumber(_:)``, or by ``TextNumbers``), white space around it aside.
///
/// - Parameters:
///   - field: what was read.
///   - payload: the payload that it was read from.
///   - texts: which texts are numbers besides those that are nothing else.
/// - Returns: nil for everything else, and for a number that is infinite or none (`nan`).
/// - Complexity: O(bytes of a text).
public func numericValue(
  of field: Field,
  in payload: UnsafeRawBufferPointer,
  texts: TextNumbers = .plain
) -> Double? {
  let value: Double?
  switch field.kind {
  case .number, .boolean: value = field.number
  case .text:
    guard let bytes = unsafe content(of: field, in: payload) else { return nil }
    if field.hasEscapes {
      value = unsafe jsonText(bytes).withUnsafeBytes { unsafe trimmedNumber($0, texts) }
    } else {
      value = unsafe trimmedNumber(bytes, texts)
    }
  case .missing, .null, .composite: value = nil
  }
  guard let value, value.isFinite else { return nil }
  return value
}

/// The characters of a text field with its format's escapes undone; of any other field the bytes of
/// its range.
///
/// - Parameters:
///   - field: what was read.
///   - payload: the payload that it was read from.
///   - format: how it was read.
/// - Returns: UTF-8, if the bytes are; empty where nothing is.
/// - Complexity: O(bytes); allocates the result.
public func characters(
  of field: Field,
  in payload: UnsafeRawBufferPointer,
  as format: PayloadFormat
) -> [UInt8] {
  guard let bytes = unsafe content(of: field, in: payload) else { return [] }
  guard field.hasEscapes else { return unsafe [UInt8](bytes) }
  guard format == .line else { return unsafe jsonText(bytes) }
  // A text lies behind its quote, a tag's value behind an equals sign.
  let start = field.range.lowerBound
  let isText = start > 0 && (unsafe payload[start - 1]) == UInt8(ascii: "\"")
  return unsafe Array(LineCharacters(payload, field.range, isText: isText))
}

/// The bytes of a field; nil if it is a field of another, longer payload.
private func content(
  of field: Field,
  in payload: UnsafeRawBufferPointer
) -> UnsafeRawBufferPointer? {
  guard field.range.lowerBound >= 0, field.range.upperBound <= payload.count else { return nil }
  return unsafe UnsafeRawBufferPointer(rebasing: payload[field.range])
}

private func trimmedNumber(_ bytes: UnsafeRawBufferPointer, _ texts: TextNumbers) -> Double? {
  var range = 0..<bytes.count
  while !range.isEmpty, unsafe isSpace(bytes[range.lowerBound]) {
    range = range.lowerBound + 1..<range.upperBound
  }
  while !range.isEmpty, unsafe isSpace(bytes[range.upperBound - 1]) {
    range = range.lowerBound..<range.upperBound - 1
  }
  let text = unsafe UnsafeRawBufferPointer(rebasing: bytes[range])
  if let number = unsafe decimalNumber(text) { return number }
  return texts == .plain ? nil : unsafe texts.number(text)
}
