import HoldfastPayload
import HoldfastStage

/// The types that reduce: which events go on.
extension StageReader {
  func changed() -> ChangedSettings {
    ChangedSettings(fields: readFields(.fields) ?? [], intervalMax: heartbeat())
  }

  func deadband() -> DeadbandSettings? {
    let field = neededField()
    let threshold = needed(.threshold) { _ in readThreshold() }
    let intervalMax = heartbeat()
    guard let field, let threshold else { return nil }
    return DeadbandSettings(field: field, threshold: threshold, intervalMax: intervalMax)
  }

  func swingingDoor() -> SwingingDoorSettings? {
    let field = neededField()
    let deviation = needed(.deviation) { table.positiveNumber($0) }
    let intervalMax = heartbeat()
    guard let field, let deviation else { return nil }
    return SwingingDoorSettings(field: field, deviation: deviation, intervalMax: intervalMax)
  }

  func throttle() -> ThrottleSettings? {
    let interval = needed(.interval, inTime(StageBound.intervals))
    let pick = table.choice(StageKey.send, of: ThrottleSettings.Pick.self)
    return interval.map { ThrottleSettings(interval: $0, pick: pick ?? .first) }
  }

  func dedupe() -> DedupeSettings? {
    let span = needed(.span, inTime(StageBound.intervals))
    let count = table.integer(StageKey.payloadCountMax, in: StageBound.payloadCounts)
    guard let span else { return nil }
    var settings = DedupeSettings(span: span)
    settings.payloadCountMax = count ?? settings.payloadCountMax
    return settings
  }

  func burst() -> BurstSettings? {
    let when = condition(.when)
    let interval = needed(.interval, inTime(StageBound.intervals))
    let before = needed(.before, inTime(StageBound.before))
    let after = needed(.after, inTime(StageBound.after))
    let count = table.integer(StageKey.heldCountMax, in: StageBound.heldCounts)
    let byteCount = table.size(StageKey.heldByteCountMax, in: StageBound.logByteCounts)
    guard let when, let interval, let before, let after else { return nil }
    var settings = BurstSettings(when: when, interval: interval, before: before, after: after)
    settings.heldCountMax = count ?? settings.heldCountMax
    settings.heldByteCountMax = byteCount ?? settings.heldByteCountMax
    return settings
  }

  private func heartbeat() -> Int64? {
    table.duration(StageKey.intervalMax, in: StageBound.intervalMaxima)
  }

  /// `threshold`, `of` and `span`, which have a meaning only together.
  private func readThreshold() -> DeadbandSettings.Threshold? {
    let base = table.choice(StageKey.of, of: ThresholdBase.self)
    let span = table.positiveNumber(StageKey.span)
    guard case .text(let text)? = table.entries[StageKey.threshold.rawValue]?.value,
      text.hasSuffix("%")
    else {
      let given: [StageKey] = (base == nil ? [] : [.of]) + (span == nil ? [] : [.span])
      for key in given {
        table.error(
          key,
          "is for a percentage, and threshold is none",
          "remove it, or write threshold = \"2%\""
        )
      }
      return table.positiveNumber(StageKey.threshold).map { .absolute($0) }
    }
    guard let percent = decimal(String(text.dropLast())), percent > 0, percent <= 100 else {
      table.error(
        StageKey.threshold,
        "is \(quoted(text)), outside its range",
        "give a number above 0% and up to 100%, such as \"2%\""
      )
      return nil
    }
    guard base == .span else {
      if table.has(StageKey.span) && (base == .last || !table.has(StageKey.of)) {
        table.error(StageKey.span, "has no meaning here", "write of = \"span\", or remove it")
      }
      return .fractionOfLast(percent / 100)
    }
    guard table.require(StageKey.span, example: "100.0"), let span else { return nil }
    return .fractionOfSpan(percent / 100, span: span)
  }
}
