internal import HoldfastEvent

// Messages that left stages, taken apart.

extension World {
  /// What left stages, as it stands in a message; nil when it can't be read.
  func departures(
    _ topic: ArraySlice<UInt8>,
    _ payload: ArraySlice<UInt8>,
    _ properties: ArraySlice<UInt8>,
    isBatch: Bool
  ) -> [Departure]? {
    if !isBatch {
      guard let log = properties.value(of: Array("log".utf8)).flatMap({ LogID(digits: $0) }) else {
        return nil
      }
      let result = properties.value(of: Array("result".utf8))
      let number = properties.value(of: Array("seq".utf8)).flatMap {
        UInt64(String(decoding: $0, as: UTF8.self))
      }
      let isHistorical = properties.value(of: Array("historical".utf8)) != nil
      return departure(log, number, result.map { Array($0) }, topic, payload, isHistorical)
        .map { [$0] }
    }
    var text = payload
    if properties.value(of: [])?.contains(UInt8(ascii: "+")) ?? false {
      guard let unpacked = unpacked(payload) else { return nil }
      text = unpacked[...]
    }
    var departures: [Departure] = []
    var reader = ObjectReader(text)
    while let fields = reader.next() {
      let result = fields[.result].isEmpty ? nil : fields[.result]
      guard let log = LogID(digits: fields[.log][...]),
        let departure = departure(
          log,
          fields.number(.seq),
          result,
          fields[.topic][...],
          fields[.payload][...],
          !fields[.historical].isEmpty
        )
      else { return nil }
      departures.append(departure)
    }
    return reader.isAtEnd && !departures.isEmpty ? departures : nil
  }

  private func departure(
    _ log: LogID,
    _ number: SequenceNumber?,
    _ result: [UInt8]?,
    _ topic: ArraySlice<UInt8>,
    _ payload: ArraySlice<UInt8>,
    _ isHistorical: Bool
  ) -> Departure? {
    // It has one identity, and only one.
    guard (number == nil) != (result == nil), number != 0 else { return nil }
    return Departure(
      log: log,
      number: number ?? 0,
      result: result ?? [],
      digest: StageJudge.digest(topic, payload),
      isHistorical: isHistorical,
      text: result == nil ? message(topic, payload) : nil
    )
  }
}

/// Something that left stages, as an upstream or a dead letter shows it.
struct Departure {
  var log: LogID
  /// 0: a result.
  var number: SequenceNumber
  var result: [UInt8]
  var digest: UInt64
  var isHistorical = false
  /// The message that its bytes name, where they still do.
  var text: Int?
}
