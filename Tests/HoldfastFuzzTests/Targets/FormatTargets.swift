import HoldfastCodec
import HoldfastEvent
import HoldfastLink
import HoldfastUnpack

@testable import HoldfastUpstream

private let log = LogID(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)

/// Events as messages of their own: nothing added, nothing lost, sizes told rightly.
func fuzzEventFormat(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  let retain: RetainPolicy = input.bool() ? .keep : .never
  let template = TopicTemplate("{topic}", agentID: "edge-1", upstream: "central")
  var format = EventFormat(agentID: "edge-1", template: template, retain: retain)
  let wall = input.bool() ? input.signed() : 1_700_000_000_123_456
  var events = input.events(countMax: 50)
  var out = MessageBatch()
  format.begin(log: log)
  for index in events.rows.indices {
    events.rows[index].wall &+= wall
    format.append(
      Leaving(row: events.rows[index], number: UInt64(index) + 40, log: log),
      of: events.bytes,
      tag: UInt64(index),
      to: &out
    )
  }
  for (index, row) in out.rows.enumerated() {
    let event = events.rows[index]
    try check(out.bytes[row.topicRange] == events.topic(index), "another topic")
    try check(out.bytes[row.payloadRange] == events.payload(index), "another payload")
    let isRetained = retain == .keep && event.flags.contains(.retained)
    try check(row.isRetained == isRetained, "another retain flag")
    try checkProperties(out.bytes[row.propertiesRange], event, events, number: UInt64(index) + 40)
    try checkPacketSize(row, out.bytes)
  }
}

private func checkProperties(
  _ encoded: ArraySlice<UInt8>,
  _ event: EventBatch.Row,
  _ events: EventBatch,
  number: UInt64
) throws(Finding) {
  let properties = EventProperties(encoded: encoded)
  func value(_ name: String) -> String? {
    properties.pairs.first { $0.name == Array(name.utf8) }
      .map { String(decoding: $0.value, as: UTF8.self) }
  }
  try check(value("agent") == "edge-1", "agent \(value("agent") ?? "none")")
  try check(value("log") == log.description, "log \(value("log") ?? "none")")
  try check(value("seq") == String(number), "seq \(value("seq") ?? "none")")
  try check(value("time") == rfc3339(wallMicroseconds: event.wall), "time \(value("time") ?? "")")
  let hasOwn = event.propertiesByteCount > 0
  let range = event.propertiesRange
  let own = EventProperties(encoded: hasOwn ? events.bytes[range] : [])
  // Bytes that are no whole entry end an encoding; only those the intake wrote must be kept.
  guard !hasOwn || own.encoded == Array(events.bytes[range]) else { return }
  try check(properties.contentType == own.contentType, "another content type")
  try check(Array(properties.pairs.suffix(own.pairs.count)) == own.pairs, "own properties are lost")
}

/// MQTT 5, section 3.3, counted part by part.
private func checkPacketSize(
  _ row: MessageBatch.Row,
  _ bytes: [UInt8]
) throws(Finding) {
  let properties = EventProperties(encoded: bytes[row.propertiesRange])
  guard properties.encoded == Array(bytes[row.propertiesRange]) else { return }
  var propertyBytes = properties.contentType.map { 3 + $0.count } ?? 0
  for pair in properties.pairs { propertyBytes += 5 + pair.name.count + pair.value.count }
  var size = 2 + Int(row.topicByteCount) + 2 + Int(row.payloadByteCount)
  let plain = 1 + lengthBytes(size) + size
  try check(packetByteCount(row, in: bytes, version: .v311) == plain, "3.1.1: not \(plain) bytes")
  size += lengthBytes(propertyBytes) + propertyBytes
  let whole = 1 + lengthBytes(size) + size
  try check(packetByteCount(row, in: bytes, version: .v5) == whole, "5: not \(whole) bytes")
  for version in [ProtocolVersion.v5, .v311] {
    var grant = SessionGrant(protocolVersion: version, isSessionPresent: false)
    let exact = packetByteCount(row, in: bytes, version: version)
    grant.packetByteCountMax = exact
    try check(fits(row, in: bytes, grant: grant), "does not fit into its own size")
    grant.packetByteCountMax = exact - 1
    try check(!fits(row, in: bytes, grant: grant), "fits into a byte less")
  }
}

private func lengthBytes(_ value: Int) -> Int {
  var count = 1
  var rest = value / 128
  while rest > 0 {
    count += 1
    rest /= 128
  }
  return count
}

/// Events as JSON objects, read back by a scanner of its own.
func fuzzEventObject(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  var object = EventObject(agentID: input.bool() ? "edge-1" : nil)
  let events = input.events(countMax: 50)
  for index in events.rows.indices {
    var json: [UInt8] = []
    let number = UInt64(index) &+ UInt64.max / 2
    object.append(events.rows[index], of: events.bytes, number: number, log: log, to: &json)
    try checkObject(json, events, index, number: number)
  }
}

private func checkObject(
  _ json: [UInt8],
  _ events: EventBatch,
  _ index: Int,
  number: UInt64
) throws(Finding) {
  let size = Int(events.rows[index].topicByteCount) + Int(events.rows[index].payloadByteCount)
  try check(json.count <= 6 * size + 300, "\(json.count) bytes for \(size)")
  guard let value = JSONReader.value(of: json), case .object(let members) = value else {
    throw Finding("no JSON object: \(String(decoding: json, as: UTF8.self))")
  }
  try check(Set(members.map(\.key)).count == members.count, "a key stands twice")
  try check(value["seq"] == .number(String(number)), "another number")
  try check(value["log"] == .text(Array(log.description.utf8)), "another log")
  let time = Array(rfc3339(wallMicroseconds: events.rows[index].wall).utf8)
  try check(value["time"] == .text(time), "another time")
  for (name, bytes) in [("topic", events.topic(index)), ("payload", events.payload(index))] {
    if String(validating: bytes, as: UTF8.self) != nil {
      try check(value[name] == .text(Array(bytes)), "another \(name)")
    } else {
      guard case .text(let text) = value[name + "_base64"] else { throw Finding("no \(name)") }
      try check(fromBase64(text) == Array(bytes), "another \(name) in base64")
    }
  }
  let flags = events.rows[index].flags
  try check((value["retained"] == .bool(true)) == flags.contains(.retained), "retained")
  try check(
    (value["redelivered"] != nil) == flags.contains(.possiblyRedelivered),
    "redelivered"
  )
}

/// RFC 4648, section 4; nil for what is no canonical base64.
func fromBase64(_ text: [UInt8]) -> [UInt8]? {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  guard text.count % 4 == 0 else { return nil }
  let digits = text.prefix { $0 != UInt8(ascii: "=") }
  guard text.count - digits.count < 3,
    text[digits.count...].allSatisfy({ $0 == UInt8(ascii: "=") })
  else { return nil }
  var bytes: [UInt8] = []
  var bits = 0
  var value = 0
  for digit in digits {
    guard let index = alphabet.firstIndex(of: digit) else { return nil }
    value = value << 6 | index
    bits += 6
    if bits >= 8 {
      bits -= 8
      bytes.append(UInt8(truncatingIfNeeded: value >> bits))
      value &= 1 << bits - 1
    }
  }
  return value == 0 ? bytes : nil
}

/// Events as batches, cut where the input says, compressed or not.
func fuzzBatchFormat(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  let control = input.byte()
  var configuration = UpstreamConfiguration(
    name: "central",
    link: LinkConfiguration(host: "central", port: 1883),
    topics: []
  )
  configuration.format = control & 8 != 0 ? .lines : control & 1 == 0 ? .ndjson : .json
  configuration.compression = control & 2 == 0 ? .none : control & 4 == 0 ? .zstd : .gzip
  configuration.topicTemplate = "holdfast/{agent}/events"
  var format = BatchFormat(configuration: configuration, agentID: "edge-1")
  let events = input.events(countMax: 40)
  var out = MessageBatch()
  for (index, row) in events.rows.enumerated() {
    let number = UInt64(index) + 1
    let leaving = Leaving(row: row, number: number, log: log)
    format.append(leaving, of: events.bytes, cause: number, dueAt: 5)
    if row.flags.contains(.possiblyRedelivered) && format.count > 1 {
      _ = format.cutBeforeLast(tag: number, into: &out)
    }
    format.close(number)
    if row.flags.contains(.retained) { format.cut(tag: number, into: &out) }
  }
  if !format.isEmpty { format.cut(tag: 0, into: &out) }
  var numbers: [String] = []
  for row in out.rows {
    if configuration.format != .lines {
      numbers += try numbersOfBatch(row, out.bytes, configuration)
    }
  }
  try checkUnpacked(out, events)
  if configuration.format == .lines { return }
  try check(numbers == (0..<events.count).map { String($0 + 1) }, "numbers \(numbers)")
}

/// What the centre reads out of the batches must be the events that went in.
private func checkUnpacked(_ out: MessageBatch, _ events: EventBatch) throws(Finding) {
  var decoder = BatchDecoder()
  var index = 0
  for row in out.rows {
    let content: BatchContent
    do throws(BatchFault) {
      content = try decoder.decode(out.bytes[row.payloadRange])
    } catch {
      // No broker hands out an event without a topic; a line can't hold one.
      if events.rows.contains(where: { $0.topicByteCount == 0 }) { return }
      throw Finding("a batch can't be unpacked: \(error.what)")
    }
    guard case .events(let unpacked) = content else { throw Finding("a batch is taken for a gap") }
    for event in unpacked {
      guard index < events.count else { throw Finding("more events than went in") }
      try check(event.topic.elementsEqual(events.topic(index)), "topic of \(index)")
      try check(event.payload.elementsEqual(events.payload(index)), "payload of \(index)")
      try check(event.identity.name == .number(UInt64(index) + 1), "number of \(index)")
      try check(event.isRetained == events.rows[index].flags.contains(.retained), "retained")
      index += 1
    }
  }
  try check(index == events.count, "\(index) of \(events.count) events")
}

/// The sequence numbers within one batch, which must be what its properties say.
private func numbersOfBatch(
  _ row: MessageBatch.Row,
  _ bytes: [UInt8],
  _ configuration: UpstreamConfiguration
) throws(Finding) -> [String] {
  var payload = Array(bytes[row.payloadRange])
  let properties = EventProperties(encoded: bytes[row.propertiesRange])
  let type = String(decoding: properties.contentType ?? [], as: UTF8.self)
  let packing = configuration.compression
  try check(type.hasSuffix("+\(packing)") == (packing != .none), "type \(type)")
  if packing != .none {
    let plain =
      packing == .zstd
      ? zstdDecompressed(payload[...], byteCountMax: 1 << 20)
      : gzipDecompressed(payload[...], byteCountMax: 1 << 20)
    guard let plain else {
      throw Finding("a batch can't be decompressed")
    }
    payload = plain
  }
  var objects: [JSONReader.Value] = []
  if configuration.format == .json {
    guard case .array(let elements) = JSONReader.value(of: payload) else {
      throw Finding("no JSON array")
    }
    objects = elements
  } else {
    try check(payload.last == UInt8(ascii: "\n"), "the last line does not end")
    for line in payload.dropLast().split(separator: 10, omittingEmptySubsequences: false) {
      guard let value = JSONReader.value(of: Array(line)) else { throw Finding("no JSON line") }
      objects.append(value)
    }
  }
  var numbers: [String] = []
  for object in objects {
    guard case .number(let number) = object["seq"] else { throw Finding("no number") }
    numbers.append(number)
  }
  func value(_ name: String) -> String? {
    properties.pairs.first { $0.name == Array(name.utf8) }
      .map { String(decoding: $0.value, as: UTF8.self) }
  }
  try check(value("first") == numbers.first && value("last") == numbers.last, "first or last")
  try check(value("count") == String(numbers.count), "count \(value("count") ?? "none")")
  return numbers
}

/// Gap records as messages.
func fuzzGapFormat(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  guard let reason = GapReason(rawValue: 1 + input.byte() % 8) else { return }
  let first = input.unsigned()
  let end = reason.coversNumbers ? first &+ UInt64(input.byte()) : first
  let count = input.bool() ? nil : input.unsigned()
  let wall = input.signed()
  var topics: [[UInt8]] = []
  while !input.isEmpty { topics.append(input.part()) }
  let record = GapRecord(
    log: log,
    first: first,
    end: end,
    count: count,
    reason: reason,
    topics: topics,
    wall: wall
  )
  try check(record.topics.count <= GapRecord.topicCountMax, "\(record.topics.count) topics")
  let size = record.topics.reduce(0) { $0 + $1.count }
  try check(size <= GapRecord.topicByteCountMax, "\(size) bytes of topics")
  let configuration = UpstreamConfiguration(
    name: "central",
    link: LinkConfiguration(host: "central", port: 1883),
    topics: []
  )
  var out = MessageBatch()
  GapFormat(configuration: configuration, agentID: "edge-1").append(record, tag: 9, to: &out)
  guard let row = out.rows.first,
    let value = JSONReader.value(of: Array(out.bytes[row.payloadRange]))
  else { throw Finding("no JSON") }
  try check(value["first"] == .number(String(record.first)), "first")
  try check(value["count"] == count.map { .number(String($0)) } ?? .null, "count")
  try check(value["reason"] == .text(Array(reason.description.utf8)), "reason")
  try check(value["time"] == .text(Array(rfc3339(wallMicroseconds: wall).utf8)), "time")
  guard case .array(let shown) = value["topics"] else { throw Finding("no topics") }
  try check(shown.count == record.topics.count, "\(shown.count) topics are shown")
}
