internal import HoldfastEvent
internal import HoldfastPayload

/// What a stage did to one event, and why.
public struct StageAct: Equatable, Sendable {
  /// What was done.
  public enum Kind: Equatable, Sendable {
    /// The stage's topics don't select the event.
    case passedBy
    /// It went on as it came.
    case passed
    /// It went on with another topic or payload.
    case changed
    /// It did not go on; it may be held.
    case keptBack
    /// It went into a result.
    case aggregated
    /// It could not be read, and is set aside.
    case setAside
    /// An event that was held went on.
    case letGo
    /// A result left.
    case result
  }

  /// The stage's place, from 0.
  public var place: Int
  /// What was done.
  public var kind: Kind
  /// The event as the stage left it; one that did not go on as it came.
  public var event: StageEvent
  /// The topic as it came to the stage; of a result the topic that it was computed for.
  public var topic: [UInt8]
  /// Why, for people; empty where it needs no words.
  public var reason: String
}

extension StageAct {
  /// What a stage did in a step, in order; its curve stands as it was before the step.
  static func all(
    of trace: StageTrace,
    by kind: StageConfiguration.Kind,
    _ curve: inout CurveErrors?,
    in bytes: [UInt8]
  ) -> [StageAct] {
    var acts = trace.left.prefix(trace.timedCount).map {
      leaving($0, trace.place, "time has passed", in: bytes)
    }
    var start = trace.timedCount
    for (event, step) in zip(trace.entered, trace.steps) {
      let left = trace.left[start..<max(start, step.leftEnd)]
      start = left.endIndex
      var own = StageAct(
        place: trace.place,
        kind: .keptBack,
        event: event,
        topic: Array(bytes[event.row.topicRange]),
        reason: ""
      )
      guard let verdict = step.verdict else {
        own.kind = .passedBy
        acts.append(own)
        continue
      }
      var isOn = false
      for other in left {
        if other.number == event.number && other.result == event.result {
          isOn = true
          own.kind = other.row == event.row ? .passed : .changed
          own.event = other
          if let fault = step.fault { own.reason = "its payload can't be read: \(fault.rawValue)" }
          if step.isHistorical { own.reason = "a historical value" }
          acts.append(own)
        } else {
          acts.append(leaving(other, trace.place, "", in: bytes))
        }
      }
      if isOn { continue }
      own.kind =
        switch verdict {
        case .filtered: .keptBack
        case .aggregated: .aggregated
        case .undecodable: .setAside
        }
      if let fault = step.fault { own.reason = "its payload can't be read: \(fault.rawValue)" }
      if verdict == .filtered { own.reason = kind.reason(event, &curve, in: bytes) }
      if verdict == .aggregated { own.reason = kind.typeReason }
      acts.append(own)
    }
    return acts
  }

  private static func leaving(
    _ event: StageEvent,
    _ place: Int,
    _ reason: String,
    in bytes: [UInt8]
  ) -> StageAct {
    StageAct(
      place: place,
      kind: event.result == nil ? .letGo : .result,
      event: event,
      topic: event.result?.key ?? Array(bytes[event.row.topicRange]),
      reason: reason
    )
  }
}

extension StageConfiguration.Kind {
  /// Why an event did not go on.
  fileprivate func reason(
    _ event: StageEvent,
    _ curve: inout CurveErrors?,
    in bytes: [UInt8]
  ) -> String {
    guard case .deadband(let settings) = self, let value = curve?.value(event, in: bytes),
      let sent = curve?.sentValue(bytes[event.row.topicRange])
    else { return typeReason }
    return "\(value) is within \(settings.threshold.text) of \(sent), which went on last"
  }

  /// Why an event does not go on at once, as far as the settings say it.
  fileprivate var typeReason: String {
    switch self {
    case .drop(let condition):
      condition.description == "size >= 0"
        ? "all of its topics are dropped" : "the condition holds: \(condition)"
    case .keep(let condition): "the condition does not hold: \(condition)"
    case .map: ""
    case .changed: "the same as what went on last"
    case .deadband(let settings): "within \(settings.threshold.text) of what went on last"
    case .swingingDoor(let settings):
      "on the line within \(settings.deviation); held as its end, in place of the one before"
    case .throttle(let settings):
      settings.pick == .first
        ? "less than \(durationText(settings.interval)) after the one that went on"
        : "held until \(durationText(settings.interval)) are over, in place of the one before"
    case .sample(let settings): "one in \(settings.every) goes on"
    case .dedupe(let settings): "the same went on within \(durationText(settings.span))"
    case .window(let settings): "the window of \(durationText(settings.size))"
    case .downsample(let settings):
      "held for \(settings.method.rawValue) in a window of \(durationText(settings.size))"
    case .alarm: "only transitions go on"
    case .burst(let settings):
      "less than \(durationText(settings.interval)) after the one that went on; read back if the"
        + " condition holds within \(durationText(settings.before))"
    }
  }

  /// `type`, as the configuration names it.
  public var typeName: String {
    switch self {
    case .drop: "drop"
    case .keep: "keep"
    case .map: "map"
    case .changed: "changed"
    case .deadband: "deadband"
    case .swingingDoor: "swinging-door"
    case .throttle: "throttle"
    case .sample: "sample"
    case .dedupe: "dedupe"
    case .window: "window"
    case .downsample: "downsample"
    case .alarm: "alarm"
    case .burst: "burst"
    }
  }
}

extension DeadbandSettings.Threshold {
  fileprivate var text: String {
    switch self {
    case .absolute(let value): "\(value)"
    case .fractionOfLast(let fraction): "\(fraction * 100)%"
    case .fractionOfSpan(let fraction, let span): "\(fraction * 100)% of \(span)"
    }
  }
}
