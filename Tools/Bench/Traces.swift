import ArgumentParser
import Glibc
import HoldfastEvent

/// What kind of telemetry a trace holds.
enum TraceKind: String, ExpressibleByArgument {
  /// Plain numbers on 850 topics, 265 a second.
  case scalar
  /// JSON objects of three to eight numbers on 465 topics, 158 a second.
  case json
  /// Long JSON documents that say much and change little, on 520 topics, 54 a second.
  case verbose
}

/// An event and when it arrives, microseconds from the trace's start.
struct TimedEvent {
  var time: Int64
  var topic: [UInt8]
  var payload: [UInt8]
}

/// A value that wanders as measured values do, printed with a fixed number of decimals.
private struct Wander {
  private var value: Double
  private let step: Double
  private let decimals: Int

  init(_ random: inout SplitMix64) {
    value = Double.random(in: 5...95, using: &random)
    step = Double.random(in: 0.01...0.4, using: &random)
    decimals = Int.random(in: 1...3, using: &random)
  }

  mutating func next(_ random: inout SplitMix64) -> String {
    value +=
      (Double.random(in: -1...1, using: &random) + Double.random(in: -1...1, using: &random)) * step
    var scale = 1
    for _ in 0..<decimals { scale *= 10 }
    let scaled = Int((value * Double(scale)).rounded())
    let fraction = String(abs(scaled) % scale)
    let zeros = String(repeating: "0", count: decimals - fraction.count)
    return "\(scaled < 0 ? "-" : "")\(abs(scaled) / scale).\(zeros)\(fraction)"
  }
}

/// A trace of `count` events, the same each time.
func makeTrace(_ kind: TraceKind, count: Int) -> [TimedEvent] {
  var random = SplitMix64(seed: 42)
  let (deviceCount, rate): (Int, Double) =
    switch kind {
    case .scalar: (850, 265)
    case .json: (465, 158)
    case .verbose: (520, 54)
    }
  var devices: [[Wander]] = []
  for device in 0..<deviceCount {
    let valueCount = kind == .scalar ? 1 : kind == .json ? 3 + device % 6 : 9
    devices.append((0..<valueCount).map { _ in Wander(&random) })
  }
  var events: [TimedEvent] = []
  events.reserveCapacity(count)
  var time = 0.0
  for index in 0..<count {
    time += 1_000_000 / rate * Double.random(in: 0.2...1.8, using: &random)
    let device = index % deviceCount
    let values = devices[device].indices.map { devices[device][$0].next(&random) }
    let (topic, payload) = render(kind, device: device, values: values, time: Int64(time))
    events.append(
      TimedEvent(time: Int64(time), topic: Array(topic.utf8), payload: Array(payload.utf8))
    )
  }
  return events
}

private func render(
  _ kind: TraceKind,
  device: Int,
  values: [String],
  time: Int64
) -> (topic: String, payload: String) {
  let wall = 1_700_000_000_000 + time / 1000
  switch kind {
  case .scalar:
    return ("plant/line-\(device % 12)/unit-\(device / 12)/value", values[0])
  case .json:
    let fields = values.enumerated().map { "\"\(fieldNames[$0.offset])\":\($0.element)" }
    let text = "{\"id\":\"dev-\(device)\",\"ts\":\(wall),\(fields.joined(separator: ","))}"
    return ("telemetry/site-\(device % 9)/dev-\(device)", text)
  case .verbose:
    let text =
      "{\"battery\":\(device % 100),\"humidity\":\(values[0]),\"linkquality\":\(values[1]),"
      + "\"pressure\":\(values[2]),\"temperature\":\(values[3]),\"voltage\":\(values[4]),"
      + "\"update\":{\"installed_version\":16777233,\"latest_version\":16777233,"
      + "\"state\":\"idle\"},\"device\":{\"friendlyName\":\"room-\(device)\",\"model\":\"TS-201\"},"
      + "\"last_seen\":\"\(rfc3339(wallMicroseconds: wall * 1000))\"}"
    return ("zigbee/room-\(device)", text)
  }
}

private let fieldNames = [
  "temperature", "humidity", "pressure", "current", "voltage", "power", "speed", "level",
]

/// Reads a recorded trace.
///
/// - Throws: when the file can't be read.
func readTrace(_ path: String) throws -> [TimedEvent] {
  guard let file = unsafe fopen(path, "r") else {
    throw ValidationError("can't read \(path)")
  }
  defer { unsafe _ = fclose(file) }
  var events: [TimedEvent] = []
  var header = [UInt8](repeating: 0, count: 14)
  var start: Int64?
  while unsafe fread(&header, 14, 1, file) == 1 {
    func number(_ range: Range<Int>) -> UInt64 {
      range.reversed().reduce(0) { $0 << 8 | UInt64(header[$1]) }
    }
    var body = [UInt8](repeating: 0, count: Int(number(8..<10) + number(10..<14)))
    guard unsafe body.isEmpty || fread(&body, body.count, 1, file) == 1 else { break }
    let time = Int64(number(0..<8) / 1000)
    start = start ?? time
    let topicCount = Int(number(8..<10))
    events.append(
      TimedEvent(
        time: time - (start ?? time),
        topic: Array(body[..<topicCount]),
        payload: Array(body[topicCount...])
      )
    )
  }
  return events
}
