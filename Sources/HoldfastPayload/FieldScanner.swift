/// Reads the fields at a few paths out of payloads, in one pass over each and without copying.
///
/// A payload is read from its begin to where the last path is settled: what follows there is not
/// looked at, so a fault behind it is not found. Up to there it is held to its format; of text,
/// whether it is UTF-8 is not checked. Where a key stands twice, the first counts. An empty payload
/// (MQTT's way to delete a retained message) has no fields and no fault, in any format.
///
/// What the paths mean differs by format:
/// - JSON: keys of objects and indices of arrays. A byte order mark before the value is passed, as
///   are white space and NUL bytes behind it.
/// - Text: the whole payload is one value, at ``FieldPath/whole``: a number as RFC 8259 writes it,
///   `true` or `false`, otherwise text. Mark, white space and NULs around it don't belong to it.
/// - CBOR and MessagePack: keys of maps and indices of arrays; a whole number as key is written in
///   decimal. CBOR's tags are passed through, so a big number is a text of bytes; undefined and
///   unassigned simple values are null. Byte strings are texts. A CBOR string in several chunks
///   does not lie in one piece: as a value it is `.composite`, as a key it is never found. So is a
///   MessagePack extension.
/// - Line protocol: the name of a field or of a tag; a field comes before a tag of that name. Lines
///   behind the first that is neither empty nor a comment are not looked at. Measurement and time
///   stamp have no path. The range of a whole number is its digits, without `i` or `u`.
/// - Sparkplug B: a metric's name, or `alias:7` for a metric that has an alias and no name; with
///   `timestamp` as the step behind it the time of its value, milliseconds since 1970. A metric marked
///   as historical is found only where all of them are, see ``isHistorical(sparkplug:)``.
public struct FieldScanner: Sendable {
  /// Most paths of one scanner; a path beyond it is never found.
  public static let pathCountMax = 32

  /// How many fields a call of ``read(_:as:into:)`` gives.
  public let pathCount: Int
  private let tree: PathTree

  /// For at most ``pathCountMax`` paths; the same one may be among them twice.
  public init(paths: [FieldPath]) {
    pathCount = paths.count
    tree = PathTree(paths)
  }

  /// Reads the fields of one payload.
  ///
  /// - Parameters:
  ///   - payload: what is read; a field's range counts from its begin.
  ///   - format: how.
  ///   - fields: gets one field for each path, in their order; all missing after a fault.
  /// - Returns: why the payload can't be read; nil if it can, even where no path is found.
  /// - Complexity: O(bytes). Allocates nothing but room in `fields`, and a short text for a number
  ///   that 64 bits do not suffice to round (more than 19 digits, or an exponent beyond 22).
  public mutating func read(
    _ payload: UnsafeRawBufferPointer,
    as format: PayloadFormat,
    into fields: inout [Field]
  ) -> PayloadFault? {
    fields.removeAll(keepingCapacity: true)
    for _ in 0..<pathCount { fields.append(.missing) }
    if payload.count == 0 || pathCount == 0 { return nil }
    var own: [Field] = []
    swap(&own, &fields)
    var found = Findings(tree, fields: own)
    own = []
    let fault = unsafe Self.scan(payload, as: format, &found)
    fields = found.takeFields()
    if fault != nil { for place in fields.indices { fields[place] = .missing } }
    return fault
  }

  private static func scan(
    _ payload: UnsafeRawBufferPointer,
    as format: PayloadFormat,
    _ found: inout Findings
  ) -> PayloadFault? {
    do throws(PayloadFault) {
      switch format {
      case .json: try unsafe JSONScan.run(payload, &found)
      case .text: unsafe scanText(payload, &found)
      case .cbor: try unsafe ItemScan<CBOR>.run(payload, &found)
      case .messagepack: try unsafe ItemScan<MessagePack>.run(payload, &found)
      case .line: try unsafe LineScan.run(payload, &found)
      case .sparkplug: try unsafe SparkplugScan.run(payload, &found)
      }
      return nil
    } catch {
      return error
    }
  }

  private static func scanText(_ payload: UnsafeRawBufferPointer, _ found: inout Findings) {
    let range = unsafe textRange(of: payload)
    let text = unsafe UnsafeRawBufferPointer(rebasing: payload[range])
    if let number = unsafe decimalNumber(text) {
      found.settle(0, as: Field(kind: .number, number: number, range: range))
    } else if unsafe text.elementsEqual("true".utf8) {
      found.settle(0, as: Field(kind: .boolean, number: 1, range: range))
    } else if unsafe text.elementsEqual("false".utf8) {
      found.settle(0, as: Field(kind: .boolean, number: 0, range: range))
    } else {
      found.settle(0, as: Field(kind: .text, number: 0, range: range))
    }
  }
}

/// What is left of a text without byte order mark, white space before and behind it, and NULs
/// behind it.
func textRange(of bytes: UnsafeRawBufferPointer) -> Range<Int> {
  var start = 0
  var end = bytes.count
  if end >= 3, unsafe bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF { start = 3 }
  while start < end, unsafe isSpace(bytes[start]) { start += 1 }
  while end > start, unsafe isSpace(bytes[end - 1]) || (unsafe bytes[end - 1]) == 0 { end -= 1 }
  return start..<end
}

/// White space of RFC 8259, section 2.
@inline(__always)
func isSpace(_ byte: UInt8) -> Bool {
  byte <= 0x20 && (byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09)
}
