internal import HoldfastEvent
internal import HoldfastStage

/// An event, or a result of stages, on its way out: what a message says of it besides its bytes.
struct Leaving: Sendable {
  var row: EventBatch.Row
  /// Its number; of a result the number on account of which it left.
  var number: SequenceNumber
  var log: LogID
  /// Nil for an event of the log.
  var result: ResultIdentity?
  /// It was kept back for a while by a stage.
  var isHistorical = false
  /// It begins a burst: how many events before it could not be let go, at most.
  var missingCount: UInt32 = 0
}

extension ResultIdentity {
  /// `9f86d081884c7d65-1767225600000000-0-plant/a/temp`.
  ///
  /// Stage, start in microseconds since 1970, revision, key: with agent, log and upstream it is
  /// unique, and the same however often it is sent.
  var text: [UInt8] {
    var text: [UInt8] = []
    for shift in stride(from: 60, through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: stage >> UInt64(shift)) & 15
      text.append(digit < 10 ? digit + 48 : digit + 87)
    }
    text.append(contentsOf: "-\(start)-\(revision)-".utf8)
    return text + key
  }
}
