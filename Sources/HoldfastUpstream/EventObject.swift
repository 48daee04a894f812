public import HoldfastEvent

/// Writes events as JSON objects: the lines of `ndjson` batches, and of the commands.
///
/// `{"agent":…,"log":…,"seq":…,"time":…,"topic":…,"payload":…}`, and where they apply
/// `"retained":true`, `"redelivered":"possible"`, `"historical":true`, `"replay":true` and
/// `"missing_before":3`. A topic or payload that is not UTF-8 stands in base64 under the same key with
/// `_base64` behind it.
public struct EventObject: Sendable {
  private let agentID: [UInt8]?
  private let isReplay: Bool
  /// The time and the key that follows it.
  private var time = TimeText(
    prefix: { _ in Array(#","time":""#.utf8) },
    suffix: Array(#"","topic"#.utf8)
  )
  /// `{"agent":…,"log":…,`, the same for every event of a log.
  private var start: [UInt8] = []
  private var startLog: LogID?

  /// - Parameter agentID: first part of every event's identity; nil: left out.
  public init(agentID: String?) { self.init(agentID: agentID, isReplay: false) }

  init(agentID: String?, isReplay: Bool) {
    self.agentID = agentID.map { Array($0.utf8) }
    self.isReplay = isReplay
  }

  /// Appends one event's object, without a line's end.
  ///
  /// - Parameters:
  ///   - event: the event's row.
  ///   - eventBytes: what the row points into.
  ///   - number: its sequence number.
  ///   - log: the log that numbered it.
  ///   - bytes: where the object goes.
  public mutating func append(
    _ event: EventBatch.Row,
    of eventBytes: [UInt8],
    number: SequenceNumber,
    log: LogID,
    to bytes: inout [UInt8]
  ) {
    append(Leaving(row: event, number: number, log: log), of: eventBytes, to: &bytes)
  }

  /// The same for what leaves; a result has its identity in place of a number.
  mutating func append(_ leaving: Leaving, of eventBytes: [UInt8], to bytes: inout [UInt8]) {
    let event = leaving.row
    if startLog != leaving.log { begin(leaving.log) }
    bytes.append(contentsOf: start)
    if let result = leaving.result {
      bytes.append(text: #""result":"#)
      bytes.append(jsonString: result.text[...])
    } else {
      bytes.append(text: #""seq":"#)
      bytes.append(decimal: leaving.number)
    }
    time.append(wall: event.wall, to: &bytes)
    bytes.append(jsonValue: eventBytes[event.topicRange])
    bytes.append(text: #","payload"#)
    bytes.append(jsonValue: eventBytes[event.payloadRange])
    if event.flags.contains(.retained) { bytes.append(text: #","retained":true"#) }
    if event.flags.contains(.possiblyRedelivered) {
      bytes.append(text: #","redelivered":"possible""#)
    }
    if leaving.isHistorical { bytes.append(text: #","historical":true"#) }
    if isReplay { bytes.append(text: #","replay":true"#) }
    if leaving.missingCount > 0 {
      bytes.append(text: #","missing_before":"#)
      bytes.append(decimal: UInt64(leaving.missingCount))
    }
    bytes.append(UInt8(ascii: "}"))
  }

  private mutating func begin(_ log: LogID) {
    startLog = log
    start.removeAll()
    start.append(UInt8(ascii: "{"))
    if let agentID {
      start.append(text: #""agent":"#)
      start.append(jsonString: agentID[...])
      start.append(UInt8(ascii: ","))
    }
    start.append(text: #""log":"\#(log)","#)
  }
}

extension [UInt8] {
  /// Closes the key that was begun and appends the value: text, or base64 where it is none.
  fileprivate mutating func append(jsonValue value: ArraySlice<UInt8>) {
    if isValidUTF8(value) {
      append(text: "\":")
      append(jsonString: value)
    } else {
      append(text: "_base64\":\"")
      append(base64: value)
      append(UInt8(ascii: "\""))
    }
  }
}

/// RFC 4648 base64 with padding.
public func base64(_ bytes: ArraySlice<UInt8>) -> String {
  var text: [UInt8] = []
  text.append(base64: bytes)
  return String(decoding: text, as: UTF8.self)
}
