/// The MQTT 5 properties of a message that an event keeps: content type and user properties.
///
/// Encoded as a run of entries, each `u16 name length | name | u16 value length | value`, little
/// endian; the content type, where present, is the first entry and has an empty name.
public struct EventProperties: Equatable, Sendable {
  /// One user property; names may repeat.
  public struct Pair: Equatable, Sendable {
    /// UTF-8 as received.
    public var name: [UInt8]
    /// UTF-8 as received.
    public var value: [UInt8]

    /// Made of its parts.
    public init(name: [UInt8], value: [UInt8]) {
      self.name = name
      self.value = value
    }
  }

  /// The content type; nil where there is none.
  public var contentType: [UInt8]?
  /// The user properties, in order.
  public var pairs: [Pair]

  /// Made of its parts.
  public init(contentType: [UInt8]? = nil, pairs: [Pair] = []) {
    self.contentType = contentType
    self.pairs = pairs
  }

  /// The encoded form: empty when there is nothing to keep, parts beyond 65,535 bytes cut.
  public var encoded: [UInt8] {
    var bytes: [UInt8] = []
    if let contentType {
      Self.append([], to: &bytes)
      Self.append(contentType, to: &bytes)
    }
    for pair in pairs {
      // An empty name in first place would read as a content type: give it none before it.
      if contentType == nil && bytes.isEmpty && pair.name.isEmpty {
        Self.append([], to: &bytes)
        Self.append([], to: &bytes)
      }
      Self.append(pair.name, to: &bytes)
      Self.append(pair.value, to: &bytes)
    }
    return bytes
  }

  /// Decodes what `encoded` wrote; stops at the first entry that is cut short.
  public init(encoded bytes: ArraySlice<UInt8>) {
    self.init()
    var rest = bytes
    var isFirst = true
    while let name = Self.take(from: &rest), let value = Self.take(from: &rest) {
      if isFirst && name.isEmpty {
        contentType = value.isEmpty ? nil : Array(value)
      } else {
        pairs.append(Pair(name: Array(name), value: Array(value)))
      }
      isFirst = false
    }
  }

  private static func append(_ part: [UInt8], to bytes: inout [UInt8]) {
    let count = min(part.count, Int(UInt16.max))
    bytes.append(UInt8(truncatingIfNeeded: count))
    bytes.append(UInt8(truncatingIfNeeded: count >> 8))
    bytes.append(contentsOf: part.prefix(count))
  }

  private static func take(from bytes: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard bytes.count >= 2 else { return nil }
    let count = Int(bytes[bytes.startIndex]) | Int(bytes[bytes.startIndex + 1]) << 8
    guard bytes.count >= 2 + count else { return nil }
    let part = bytes.dropFirst(2).prefix(count)
    bytes = bytes.dropFirst(2 + count)
    return part
  }
}
