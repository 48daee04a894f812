internal import HoldfastLink

/// Most bytes a PUBLISH may have at all: the fixed header and 268,435,455 (section 1.5.5).
private let mqttPacketByteCountMax = 268_435_455 + 5

/// Whether the peer takes a PUBLISH of that size; `limit` is its Maximum Packet Size.
func fits(_ row: MessageBatch.Row, in bytes: [UInt8], grant: SessionGrant) -> Bool {
  let limit = min(grant.packetByteCountMax ?? mqttPacketByteCountMax, mqttPacketByteCountMax)
  // Every entry has 4 bytes of lengths, so this is never too little; mostly it decides.
  let propertiesMax = Int(row.propertiesByteCount) * 5 / 4
  let rest = Int(row.topicByteCount) + Int(row.payloadByteCount)
  if rest + propertiesMax + packetOverheadMax <= limit { return true }
  return packetByteCount(row, in: bytes, version: grant.protocolVersion) <= limit
}

/// More than a PUBLISH has besides topic, payload and properties: header, lengths, packet id.
let packetOverheadMax = 16

/// The size of the PUBLISH packet at QoS 1 (section 3.3).
func packetByteCount(
  _ row: MessageBatch.Row,
  in bytes: [UInt8],
  version: ProtocolVersion
) -> Int {
  var remaining = 2 + Int(row.topicByteCount) + 2 + Int(row.payloadByteCount)
  if version == .v5 {
    let properties = propertiesByteCount(bytes[row.propertiesRange])
    remaining += variableLengthByteCount(properties) + properties
  }
  return 1 + variableLengthByteCount(remaining) + remaining
}

/// On the wire an entry has an identifier; a content type has no name.
private func propertiesByteCount(_ bytes: ArraySlice<UInt8>) -> Int {
  var count = 0
  var index = bytes.startIndex
  while index + 2 <= bytes.endIndex {
    let nameByteCount = Int(bytes[index]) | Int(bytes[index + 1]) << 8
    let valueIndex = index + 2 + nameByteCount
    guard valueIndex + 2 <= bytes.endIndex else { break }
    let valueByteCount = Int(bytes[valueIndex]) | Int(bytes[valueIndex + 1]) << 8
    let isContentType = index == bytes.startIndex && nameByteCount == 0
    count += isContentType ? 3 + valueByteCount : 5 + nameByteCount + valueByteCount
    index = valueIndex + 2 + valueByteCount
  }
  return count
}

private func variableLengthByteCount(_ value: Int) -> Int {
  value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4
}
