import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

/// 2026-01-31T10:00:00Z in microseconds: tests count their times from here.
let origin: Int64 = 1_769_853_600_000_000

/// An event at so many seconds after ``origin``.
func event(_ seconds: Double, _ payload: String, topic: String = "a") -> TestEvent {
  TestEvent(
    topic: topic,
    payload: payload,
    boot: 1_000_000_000 + Int64(seconds * 1e6),
    wallOffset: origin - 1_000_000_000
  )
}

extension StageHarness {
  /// Time passes to so many seconds after ``origin``.
  mutating func tick(_ seconds: Double) -> [Output] {
    let boot = 1_000_000_000 + Int64(seconds * 1e6)
    return tick(boot: boot, wall: boot + origin - 1_000_000_000)
  }

  /// Who the results are that left last.
  var identities: [ResultIdentity] { pass.out.compactMap(\.result) }
}

extension Sequence<Output> {
  /// The first one's; empty where there is none.
  var payload: String {
    for output in self { return output.payload }
    return ""
  }
}

/// A random series whose clocks never go back, so that a naive oracle can follow it.
func steadySeries(
  seed: UInt64,
  count: Int,
  topicCount: Int = 3,
  spacing: Int64 = 2_000_000,
  payload: (inout SplitMix64, _ wall: Int64) -> String
) -> [TestEvent] {
  var random = SplitMix64(seed: seed)
  var boot: Int64 = 1_000_000
  return (0..<count).map { _ in
    switch random.next() % 50 {
    case 0: boot += 20 * spacing
    case 1...10: break
    default: boot += Int64(random.next() % UInt64(spacing))
    }
    return TestEvent(
      topic: "t/\(random.next() % UInt64(topicCount))",
      payload: payload(&random, boot + origin),
      boot: boot,
      wallOffset: origin
    )
  }
}

/// Floor to a multiple, in the plainest way.
func floored(_ instant: Int64, _ size: Int64) -> Int64 {
  Int64((Double(instant) / Double(size)).rounded(.down)) * size
}

/// What stands behind `"name":` up to the next comma or brace.
func member(_ name: String, of json: String) -> String? {
  let bytes = Array(json.utf8)
  guard let start = place(of: "\"\(name)\":", in: bytes)?.upperBound else { return nil }
  let end = bytes[start...].firstIndex { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "}") }
  return String(decoding: bytes[start..<(end ?? bytes.count)], as: UTF8.self)
}

/// The first place of a text.
func place(of text: String, in bytes: [UInt8]) -> Range<Int>? {
  let text = Array(text.utf8)
  guard bytes.count >= text.count else { return nil }
  for start in 0...(bytes.count - text.count)
  where bytes[start] == text[0] && bytes[start..<(start + text.count)] == text[...] {
    return start..<(start + text.count)
  }
  return nil
}
