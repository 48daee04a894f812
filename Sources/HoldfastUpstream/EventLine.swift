internal import HoldfastEvent
internal import HoldfastPayload

/// Writes events as lines of InfluxDB's line protocol: those of `lines` batches.
///
///     holdfast,agent=edge-1,event_topic=hall/3 log="…",seq=17i,payload="23.5",value=23.5 1767…017
///
/// - Tags: `agent` and the original topic. It is not called `topic` because Telegraf's
///   `mqtt_consumer` gives that tag to the topic of the batch.
/// - Fields: the rest of the identity, the payload as text, and `value` where the whole payload is
///   one number (RFC 8259, section 6) or `value_bool` where it is `true` or `false`. A type never
///   changes within a field, which InfluxDB would refuse.
/// - A topic or payload that a line can't hold (not UTF-8, or with control characters; a topic also
///   with a backslash, for which tags have no escape) stands in base64 under the same key with
///   `_base64` behind it.
/// - The time stamp is the arrival time in microseconds followed by three digits that come from the
///   event's identity. So two events of one topic in one microsecond are two points, and one that
///   is sent again is the same point.
struct EventLine: Sendable {
  /// Largest arrival time, microseconds since 1970 and before, that a line can hold in 64 bits.
  static let wallMax = Int64.max / 1000 - 1
  /// A longer payload is no number that somebody measured.
  private static let numberByteCountMax = 40

  /// `holdfast,agent=…,event_topic`.
  private var start: [UInt8] = []
  /// ` log="…",`: the same for every event of a log.
  private var origin: [UInt8] = []
  private var originLog: LogID?
  private let isReplay: Bool

  /// - Parameters:
  ///   - agentID: first part of every event's identity.
  ///   - isReplay: whether each event is marked as sent before.
  init(agentID: String, isReplay: Bool = false) {
    self.isReplay = isReplay
    start.append(text: "holdfast,agent=")
    start.append(tagValue: Array(agentID.utf8)[...])
    start.append(text: ",event_topic")
  }

  /// Appends one event's line, without its end.
  mutating func append(_ leaving: Leaving, of eventBytes: [UInt8], to bytes: inout [UInt8]) {
    let event = leaving.row
    if originLog != leaving.log { begin(leaving.log) }
    bytes.append(contentsOf: start)
    append(topic: eventBytes[event.topicRange], to: &bytes)
    bytes.append(contentsOf: origin)
    let point: UInt64
    if let result = leaving.result {
      let text = result.text
      bytes.append(text: "result")
      append(text: text[...], to: &bytes)
      point = fingerprint(text) % 1000
    } else {
      bytes.append(text: "seq=")
      bytes.append(decimal: leaving.number)
      // Beyond 63 bits, which no log reaches, only Telegraf can read it.
      bytes.append(leaving.number > UInt64(Int64.max) ? UInt8(ascii: "u") : UInt8(ascii: "i"))
      point = leaving.number % 1000
    }
    bytes.append(text: ",payload")
    append(payload: eventBytes[event.payloadRange], to: &bytes)
    if event.flags.contains(.retained) { bytes.append(text: ",retained=true") }
    if event.flags.contains(.possiblyRedelivered) {
      bytes.append(text: #",redelivered="possible""#)
    }
    if leaving.isHistorical { bytes.append(text: ",historical=true") }
    if isReplay { bytes.append(text: ",replay=true") }
    append(wall: event.wall, point: Int64(point), to: &bytes)
  }

  private mutating func begin(_ log: LogID) {
    originLog = log
    origin.removeAll()
    origin.append(text: #" log="\#(log)","#)
  }

  private func append(topic: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
    if isLineText(topic) && !topic.contains(UInt8(ascii: "\\")) && !topic.isEmpty {
      bytes.append(UInt8(ascii: "="))
      bytes.append(tagValue: topic)
    } else {
      var text: [UInt8] = []
      text.append(base64: topic)
      bytes.append(text: "_base64=")
      bytes.append(tagValue: text[...])
    }
  }

  private func append(payload: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
    append(text: payload, to: &bytes)
    guard payload.count <= Self.numberByteCountMax, let first = payload.first else { return }
    if first == UInt8(ascii: "-") || (0x30...0x39).contains(first) {
      let number = unsafe payload.withUnsafeBytes { unsafe decimalNumber($0) }
      guard number?.isFinite == true else { return }
      bytes.append(text: ",value=")
      bytes.append(contentsOf: payload)
    } else if payload.elementsEqual("true".utf8) || payload.elementsEqual("false".utf8) {
      bytes.append(text: ",value_bool=")
      bytes.append(contentsOf: payload)
    }
  }

  /// Closes the key that was begun and appends the text, or base64 where a line can't hold it.
  private func append(text: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
    if isLineText(text) {
      bytes.append(text: #"=""#)
      for byte in text {
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
          bytes.append(UInt8(ascii: "\\"))
        }
        bytes.append(byte)
      }
    } else {
      bytes.append(text: #"_base64=""#)
      bytes.append(base64: text)
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Appends nanoseconds since 1970.
  private func append(wall: Int64, point: Int64, to bytes: inout [UInt8]) {
    let nanoseconds = max(-Self.wallMax, min(wall, Self.wallMax)) * 1000 + point
    bytes.append(UInt8(ascii: " "))
    if nanoseconds < 0 { bytes.append(UInt8(ascii: "-")) }
    bytes.append(decimal: nanoseconds.magnitude)
  }
}

/// FNV-1a, 64 bits wide: the same in every process and every version.
private func fingerprint(_ bytes: [UInt8]) -> UInt64 {
  bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}

/// Whether a line can hold the text: UTF-8 without control characters.
private func isLineText(_ bytes: ArraySlice<UInt8>) -> Bool {
  for byte in bytes where byte < 0x20 || byte == 0x7F { return false }
  return isValidUTF8(bytes)
}

extension [UInt8] {
  /// Appends a tag's value; backslashes have no escape there.
  fileprivate mutating func append(tagValue bytes: ArraySlice<UInt8>) {
    for byte in bytes {
      if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "=") || byte == UInt8(ascii: " ") {
        append(UInt8(ascii: "\\"))
      }
      append(byte)
    }
  }
}
