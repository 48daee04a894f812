/// A text with places to fill in: `{topic}`, and `{1}`, `{2}` … for what a filter's wildcards took.
///
/// Other braces stand for themselves; a place without a wildcard is filled with nothing.
public struct FillText: Equatable, Sendable {
  private enum Part: Equatable, Sendable {
    case literal([UInt8])
    case topic
    /// From 0.
    case capture(Int)
  }

  private let parts: [Part]

  /// Reads a text; no text is wrong.
  public init(_ text: String) {
    var parts: [Part] = []
    var literal: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.first {
      if byte == UInt8(ascii: "{"), let end = rest.firstIndex(of: UInt8(ascii: "}")),
        let part = Self.place(rest[(rest.startIndex + 1)..<end])
      {
        if !literal.isEmpty { parts.append(.literal(literal)) }
        literal = []
        parts.append(part)
        rest = rest[(end + 1)...]
      } else {
        literal.append(byte)
        rest = rest.dropFirst()
      }
    }
    if !literal.isEmpty { parts.append(.literal(literal)) }
    self.parts = parts
  }

  /// Whether it is the same for every topic.
  public var isConstant: Bool {
    parts.allSatisfy { part in
      if case .literal = part { return true }
      return false
    }
  }

  /// Whether it needs to know what wildcards took.
  public var usesCaptures: Bool {
    parts.contains { part in
      if case .capture = part { return true }
      return false
    }
  }

  private static func place(_ name: ArraySlice<UInt8>) -> Part? {
    if name.elementsEqual("topic".utf8) { return .topic }
    guard !name.isEmpty, name.count <= 2 else { return nil }
    var number = 0
    for byte in name {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      number = number * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return number > 0 ? .capture(number - 1) : nil
  }

  /// Appends the text for a topic.
  ///
  /// - Parameters:
  ///   - topic: the event's topic.
  ///   - captures: ranges of it.
  ///   - isJSON: whether it is to stand within the quotes of a JSON text.
  ///   - bytes: what it is appended to.
  public func append(
    topic: ArraySlice<UInt8>,
    captures: [Range<Int>],
    isJSON: Bool,
    to bytes: inout [UInt8]
  ) {
    for part in parts {
      switch part {
      case .literal(let literal): append(literal[...], isJSON, &bytes)
      case .topic: append(topic, isJSON, &bytes)
      case .capture(let place):
        if place < captures.count { append(topic[captures[place]], isJSON, &bytes) }
      }
    }
  }

  private func append(_ text: ArraySlice<UInt8>, _ isJSON: Bool, _ bytes: inout [UInt8]) {
    if isJSON { appendJSONText(text, to: &bytes) } else { bytes.append(contentsOf: text) }
  }
}

/// Appends characters as they stand within the quotes of a JSON text (RFC 8259, section 7).
func appendJSONText(_ text: some Sequence<UInt8>, to bytes: inout [UInt8]) {
  for byte in text {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      bytes.append(UInt8(ascii: "\\"))
      bytes.append(byte)
    case 0..<0x20:
      bytes.append(contentsOf: "\\u00".utf8)
      bytes.append(UInt8(ascii: "0") + byte >> 4)
      let low = byte & 15
      bytes.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + (low - 10))
    default: bytes.append(byte)
    }
  }
}
