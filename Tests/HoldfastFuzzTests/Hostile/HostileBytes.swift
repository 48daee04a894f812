import HoldfastEvent

@testable import HoldfastRingLog
@testable import HoldfastUpstream

/// A payload, as it stands in a JSON object of a batch.
let hostilePayloads = HostileArea<[UInt8]>("payload") { payload in
  var events = EventBatch()
  events.append(
    topic: [0x61],
    payload: payload,
    clock: ClockReading(boot: 0, wall: 0),
    flags: []
  )
  var object = EventObject(agentID: nil)
  var json: [UInt8] = []
  object.append(
    events.rows[0],
    of: events.bytes,
    number: 1,
    log: LogID(high: 0, low: 0),
    to: &json
  )
  let text = String(decoding: json, as: UTF8.self)
  let start = text.firstRange(of: "\"payload")
  return start.map { String(text[$0.lowerBound...].dropLast()) } ?? "no payload"
}.rows([
  ("empty", [], #""payload":"""#),
  ("a quote", Array("\"".utf8), #""payload":"\"""#),
  ("a backslash", Array("\\".utf8), #""payload":"\\""#),
  ("an object's end", Array("\"}".utf8), #""payload":"\"}""#),
  ("a line's end", Array("a\nb\r".utf8), #""payload":"a\nb\r""#),
  ("a NUL", [0], #""payload":"\u0000""#),
  ("an escape to the terminal", [0x1b, 0x5b, 0x32, 0x4a], #""payload":"\u001b[2J""#),
  ("DEL", [0x7f], "\"payload\":\"\u{7F}\""),
  ("a lone continuation byte", [0x80], #""payload_base64":"gA==""#),
  ("an overlong NUL", [0xc0, 0x80], #""payload_base64":"wIA=""#),
  ("an overlong slash", [0xe0, 0x80, 0xaf], #""payload_base64":"4ICv""#),
  ("half a surrogate pair", [0xed, 0xa0, 0x80], #""payload_base64":"7aCA""#),
  ("beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80], #""payload_base64":"9JCAgA==""#),
  ("a text cut within a letter", [0x61, 0xc3], #""payload_base64":"YcM=""#),
  ("UTF-16", [0xff, 0xfe, 0x61, 0x00], #""payload_base64":"//5hAA==""#),
  ("U+10FFFF", [0xf4, 0x8f, 0xbf, 0xbf], "\"payload\":\"\u{10FFFF}\""),
  ("a line separator of JavaScript", [0xe2, 0x80, 0xa8], "\"payload\":\"\u{2028}\""),
  ("an emoji of several parts", Array("👩‍🚒".utf8), "\"payload\":\"👩‍🚒\""),
])

/// The rows of a block of so many events, decompressed, and what a reader makes of them.
let hostileRows = HostileArea<(Int, [UInt8])>("rows of a block") { input in
  var header = blockHeader(first: 1, eventCount: input.0)
  header.rawByteCount = input.1.count
  var decoder = RowDecoder()
  decoder.beginChain()
  guard let events = decoder.decode(input.1, header: header) else { return "damaged" }
  return images(events).map { image in
    let content = image.content
    return String(decoding: content.topic, as: UTF8.self)
      + "=\(content.payload.count)@\(image.boot)"
      + (content.properties.isEmpty ? "" : "+\(content.properties.count)")
  }.joined(separator: " ")
}.rows([
  ("nothing", (1, []), "damaged"),
  ("one row", (1, [0, 0, 1, 0x61, 1, 0, 1, 0x32]), "a=1@0"),
  ("a row more than promised", (1, [0, 0, 1, 0x61, 1, 0, 0, 1, 1, 0, 0]), "damaged"),
  ("a row less than promised", (3, [0, 0, 1, 0x61, 1, 0, 0, 1, 1, 0, 0]), "damaged"),
  ("two rows", (2, [0, 0, 1, 0x61, 1, 0, 0, 1, 1, 0, 0]), "a=0@0 a=0@0"),
  ("a topic that was never told", (1, [1, 1, 0, 0]), "damaged"),
  ("topic number 2^63", (1, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]), "damaged"),
  ("a number of eleven bytes", (1, [UInt8](repeating: 0x80, count: 11) + [0]), "damaged"),
  ("a number that never ends", (1, [UInt8](repeating: 0xff, count: 64)), "damaged"),
  ("a zero in two bytes", (1, [0x80, 0, 0, 1, 0x61, 1, 0, 0]), "a=0@0"),
  ("a topic longer than the rest", (1, [0, 0, 9, 0x61, 1, 0, 0]), "damaged"),
  (
    "a topic of 65536 bytes",
    (1, [0, 0, 0x80, 0x80, 4] + [UInt8](repeating: 0x61, count: 65_536) + [1, 0, 0]), "damaged"
  ),
  ("an empty topic", (1, [0, 0, 0, 1, 0, 0]), "=0@0"),
  ("a payload longer than the rest", (1, [0, 0, 1, 0x61, 1, 0, 5, 1]), "damaged"),
  (
    "a payload of 2^64-1", (1, [0, 0, 1, 0x61, 1, 0] + [UInt8](repeating: 0xff, count: 9) + [1]),
    "damaged"
  ),
  ("properties that are missing", (1, [0, 0, 1, 0x61, 0x81, 0, 0]), "damaged"),
  ("properties longer than the rest", (1, [0, 0, 1, 0x61, 0x81, 0, 0, 9, 1]), "damaged"),
  ("properties of no byte", (1, [0, 0, 1, 0x61, 0x81, 0, 0, 0]), "a=0@0"),
  ("properties of any bytes", (1, [0, 0, 1, 0x61, 0x81, 0, 0, 2, 9, 9]), "a=0@0+2"),
  ("flags that there are not", (1, [0, 0, 1, 0x61, 0x7f, 0, 0]), "a=0@0"),
  (
    "a time a century later",
    (1, [0, 0, 1, 0x61, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0]), "a=0@2199023255552000"
  ),
  (
    "a time beyond the bound",
    (1, [0, 0, 1, 0x61, 1, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0]), "damaged"
  ),
])

/// The bytes of a dead letter.
let hostileLetters = HostileArea<[UInt8]>("dead letter") { bytes in
  guard let letter = DeadLetter(record: bytes[...]) else { return "damaged" }
  return "\(letter.upstream) \(letter.first)-\(letter.end) \(letter.payload.count) bytes"
    + (letter.isRetained ? ", retained" : "") + ", \(letter.reason)"
}.rows([
  ("nothing", [], "damaged"),
  ("a flag alone", [1], "damaged"),
  ("numbers alone", zeros(41), "damaged"),
  ("all parts empty", zeros(61), " 0-0 0 bytes, "),
  ("a byte short of it", zeros(60), "damaged"),
  ("bytes behind it", zeros(99), " 0-0 0 bytes, "),
  ("whole", letter, "u 3-4 2 bytes, retained, why"),
  ("cut at the last byte", Array(letter.dropLast()), "damaged"),
  ("a flag that there is not", letter(0, [7]), "u 3-4 2 bytes, why"),
  ("a name of 4 GiB", letter(41, [255, 255, 255, 255]), "damaged"),
  ("a name that is no UTF-8", letter(45, [0xff]), "\u{FFFD} 3-4 2 bytes, retained, why"),
  (
    "the greatest numbers", letter(1, [UInt8](repeating: 0xff, count: 40)),
    "u 18446744073709551615-18446744073709551615 2 bytes, retained, why"
  ),
])

private func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

/// The letter with other bytes from an offset on.
private func letter(_ offset: Int, _ bytes: [UInt8]) -> [UInt8] {
  var changed = letter
  changed.replaceSubrange(offset..<offset + bytes.count, with: bytes)
  return changed
}

private let letter = DeadLetter(
  upstream: "u",
  log: LogID(high: 1, low: 2),
  first: 3,
  end: 4,
  count: 1,
  topic: [0x61],
  payload: [1, 2],
  properties: [],
  isRetained: true,
  reason: "why"
).record

/// Wall and boot clock of an event: its time as stored and read back, and as written for people.
let hostileClocks = HostileArea<(wall: Int64, boot: Int64)>("clock") { clock in
  var events = EventBatch()
  let reading = ClockReading(boot: clock.boot, wall: clock.wall)
  let regular = ClockReading(boot: 5_000_000, wall: 1_700_000_000_000_000)
  events.append(topic: [0x61], payload: [], clock: regular)
  events.append(topic: [0x61], payload: [], clock: reading)
  events.append(topic: [0x61], payload: [], clock: regular)
  var stamper = RowStamper(ticksPerSecond: 1_000)
  stamper.stamp(&events)
  let blocks = encoded(events, ticksPerSecond: 1_000)
  let read = decoded(blocks)
  guard read.count == 3 else { return "\(read.count) of 3 events" }
  return "\(blocks.count) blocks, \(read[1].boot), " + rfc3339(wallMicroseconds: read[1].wall)
}.rows([
  (
    "as it should be", (1_700_000_000_000_000, 5_000_000),
    "1 blocks, 5000000, 2023-11-14T22:13:20.000Z"
  ),
  (
    "1970", (0, 5_000_000),
    "3 blocks, 5000000, 1970-01-01T00:00:00.000Z"
  ),
  (
    "before 1970", (-1, 5_000_000),
    "3 blocks, 5000000, 1969-12-31T23:59:59.999Z"
  ),
  (
    "year 0", (-62_167_219_200_000_000, 5_000_000),
    "3 blocks, 5000000, 0000-01-01T00:00:00.000Z"
  ),
  (
    "before year 0", (-62_167_219_200_000_001, 5_000_000),
    "3 blocks, 5000000, -0001-12-31T23:59:59.999Z"
  ),
  (
    "a leap day", (1_709_164_800_000_000, 5_000_000),
    "3 blocks, 5000000, 2024-02-29T00:00:00.000Z"
  ),
  (
    "1900, which was no leap year", (-2_203_891_200_000_000, 5_000_000),
    "3 blocks, 5000000, 1900-03-01T00:00:00.000Z"
  ),
  (
    "2038", (2_147_483_648_000_000, 5_000_000),
    "3 blocks, 5000000, 2038-01-19T03:14:08.000Z"
  ),
  (
    "2106", (4_294_967_296_000_000, 5_000_000),
    "3 blocks, 5000000, 2106-02-07T06:28:16.000Z"
  ),
  (
    "year 9999", (253_402_300_799_999_999, 5_000_000),
    "3 blocks, 5000000, 9999-12-31T23:59:59.999Z"
  ),
  (
    "year 10000", (253_402_300_800_000_000, 5_000_000),
    "3 blocks, 5000000, 10000-01-01T00:00:00.000Z"
  ),
  (
    "the end of time", (.max, 5_000_000),
    "3 blocks, 5000000, 294247-01-10T04:00:54.775Z"
  ),
  (
    "the beginning of time", (.min, 5_000_000),
    "3 blocks, 5000000, -290308-12-21T19:59:05.225Z"
  ),
  (
    "a boot clock of 0", (1_700_000_000_000_000, 0),
    "3 blocks, 5000000, 2023-11-14T22:13:25.000Z"
  ),
  (
    "a boot clock below 0", (1_700_000_000_000_000, -1),
    "3 blocks, 5000000, 2023-11-14T22:13:25.000Z"
  ),
  (
    "a boot clock that went back", (1_700_000_000_000_000, 4_000_000),
    "3 blocks, 5000000, 2023-11-14T22:13:21.000Z"
  ),
  (
    "the greatest boot clock", (1_700_000_000_000_000, .max),
    "3 blocks, 9223372036854775000, 2023-11-14T22:13:19.999Z"
  ),
  (
    "the least boot clock", (1_700_000_000_000_000, .min),
    "3 blocks, 5000000, -290254-11-05T18:12:30.224Z"
  ),
  (
    "both at their end", (.max, .max),
    "3 blocks, 9223372036854775000, 294247-01-10T04:00:54.775Z"
  ),
  (
    "as far apart as can be", (.min, .max),
    "3 blocks, 9223372036854775000, 294247-01-10T04:00:54.775Z"
  ),
  (
    "as far apart the other way", (.max, .min),
    "3 blocks, 5000000, 1970-01-01T00:00:04.999Z"
  ),
  (
    "half the range apart", (1_700_000_000_000_000 &+ .min, 5_000_000),
    "3 blocks, 5000000, -290254-11-05T18:12:25.224Z"
  ),
])
