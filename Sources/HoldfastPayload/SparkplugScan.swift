/// Reads metrics out of Sparkplug B (specification 3.0, section 6.4: Payload and Metric).
///
/// Templates, data sets and extensions are not gone into. A whole number whose metric names no data
/// type, as data messages may, has no sign: it counts as it is stored.
///
/// A metric that is marked as historical is no current value (section 6.4.6, `is_historical`): beside
/// a metric that is not marked it is passed over. Only where all are marked do the paths mean them.
@safe
struct SparkplugScan {
  private let bytes: UnsafeRawBufferPointer

  /// Field 2 of a payload.
  private static let metricsNumber: UInt64 = 2
  /// What stands behind a metric's name in the path of its time stamp.
  private static let stampKey = "timestamp".utf8

  /// Reads one payload.
  static func run(
    _ bytes: UnsafeRawBufferPointer,
    _ found: inout Findings
  ) throws(PayloadFault) {
    let scan = unsafe SparkplugScan(bytes: bytes)
    var payload = unsafe ProtobufReader(bytes, 0..<bytes.count)
    var isLive = false
    while let field = try payload.next() {
      guard field.number == metricsNumber, field.wireType == 2 else { continue }
      let metric = try scan.metric(field.range)
      if !metric.isHistorical { isLive = true }
      let node =
        if let name = metric.name {
          unsafe found.child(of: 0, bytes, name)
        } else if let alias = metric.alias {
          found.child(of: 0, alias: alias)
        } else {
          0
        }
      if node == 0 { continue }
      let stamp = found.child(of: node, stampKey)
      if metric.isHistorical {
        found.settleProvisionally(node, as: metric.field)
        if stamp != 0 { found.settleProvisionally(stamp, as: metric.stamp) }
        continue
      }
      found.settle(node, as: metric.field)
      if stamp != 0 { found.settle(stamp, as: metric.stamp) }
      found.close(node)
      if found.isSettled { return }
    }
    if isLive { found.dropProvisional() }
    found.settle(0, as: Field(kind: .composite, number: 0, range: 0..<bytes.count))
  }

  /// What a metric says, as far as it is read here.
  private struct Metric {
    var name: Range<Int>?
    var alias: UInt64?
    var dataType: UInt64 = 0
    var isHistorical = false
    var isNull = false
    /// Milliseconds since 1970.
    var time: ProtobufField?
    /// The last of its value fields (they are one `oneof`).
    var value: ProtobufField?

    var field: Field {
      guard let value, !isNull else { return Field(kind: .null, number: 0, range: 0..<0) }
      let kind: Field.Kind
      var number = 0.0
      switch value.number {
      case 10, 11:
        kind = .number
        number = whole(value.value)
      case 12:
        kind = .number
        number = Double(Float(bitPattern: UInt32(truncatingIfNeeded: value.value)))
      case 13:
        kind = .number
        number = Double(bitPattern: value.value)
      case 14:
        kind = .boolean
        number = value.value == 0 ? 0 : 1
      case 15, 16: kind = .text
      default: kind = .composite
      }
      return Field(kind: kind, number: number, range: value.range)
    }

    /// When its value was taken; missing where it does not say.
    var stamp: Field {
      guard let time else { return .missing }
      return Field(kind: .number, number: Double(time.value), range: time.range)
    }

    /// Signed types are stored in fields without a sign, as wide as the type or wider.
    private func whole(_ bits: UInt64) -> Double {
      switch dataType {
      case 1: Double(Int8(truncatingIfNeeded: bits))
      case 2: Double(Int16(truncatingIfNeeded: bits))
      case 3: Double(Int32(truncatingIfNeeded: bits))
      case 4: Double(Int64(bitPattern: bits))
      default: Double(bits)
      }
    }
  }

  private func metric(_ range: Range<Int>) throws(PayloadFault) -> Metric {
    var metric = Metric()
    var reader = unsafe ProtobufReader(bytes, range)
    while let field = try reader.next() {
      switch (field.number, field.wireType) {
      case (1, 2): metric.name = field.range
      case (2, 0): metric.alias = field.value
      case (3, 0): metric.time = field
      case (4, 0): metric.dataType = field.value
      case (5, 0): metric.isHistorical = field.value != 0
      case (7, 0): metric.isNull = field.value != 0
      case (10, 0), (11, 0), (12, 5), (13, 1), (14, 0), (15...19, 2): metric.value = field
      // A field of another number or wire type is unknown, and passed as protobuf asks.
      default: break
      }
    }
    return metric
  }

  /// Whether every metric of a payload is marked as historical, and there is one.
  fileprivate static func isHistorical(_ bytes: UnsafeRawBufferPointer) throws(PayloadFault) -> Bool
  {
    let scan = unsafe SparkplugScan(bytes: bytes)
    var payload = unsafe ProtobufReader(bytes, 0..<bytes.count)
    var isAny = false
    while let field = try payload.next() {
      guard field.number == metricsNumber, field.wireType == 2 else { continue }
      if try !scan.metric(field.range).isHistorical { return false }
      isAny = true
    }
    return isAny
  }
}

/// Whether a Sparkplug B payload has metrics and its sender marked each as historical: taken earlier,
/// stored, and no current value (specification 3.0, section 6.4.6).
///
/// False for a payload that can't be read.
///
/// - Complexity: O(bytes).
public func isHistorical(sparkplug payload: UnsafeRawBufferPointer) -> Bool {
  (try? unsafe SparkplugScan.isHistorical(payload)) ?? false
}
