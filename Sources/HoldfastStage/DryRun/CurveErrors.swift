internal import HoldfastEvent
internal import HoldfastPayload

/// Compares what one stage leaves out with what a reader reconstructs from what it sends.
///
/// Of `deadband` a reader holds the value sent last. Of `swinging-door` and `downsample` it draws a
/// straight line over the boot clock from each point sent to the next; where the boot clock went
/// back between the two, it holds the value of the first. Events without a number are no points; at
/// `swinging-door` they end the line.
struct CurveErrors: Sendable {
  private enum Rule: Sendable {
    /// The value sent last holds.
    case held
    /// A line between two points; whether an event without a number ends it.
    case line(isEnded: Bool)
  }

  private struct Point: Sendable {
    var number: SequenceNumber
    var boot: Int64
    var value: Double
  }

  private struct Curve: Sendable {
    /// The point sent last.
    var anchor: Point?
    /// Points after it that were not sent so far, in order.
    var waiting: [Point] = []
  }

  private let rule: Rule
  /// Most points that wait for the one behind them, of all topics.
  private let pointCountMax: Int
  private let decoder: [DecodeRules]
  private var scanner: FieldScanner
  private var fields: [Field] = []
  private var curves: TopicStates<Curve>
  private var waitingCount = 0
  private var report: CurveReport

  /// Nil for a type that draws no curve.
  init?(_ configuration: StageConfiguration, rules: [DecodeRules], pointCountMax: Int) {
    let field: FieldPath
    switch configuration.kind {
    case .deadband(let settings): (field, rule) = (settings.field, .held)
    case .swingingDoor(let settings): (field, rule) = (settings.field, .line(isEnded: true))
    case .downsample(let settings): (field, rule) = (settings.field, .line(isEnded: false))
    default: return nil
    }
    self.pointCountMax = pointCountMax
    decoder = rules
    scanner = FieldScanner(paths: [field])
    curves = TopicStates(countMax: configuration.topicCountMax)
    report = CurveReport(field: field)
  }

  /// As far as it has come.
  var current: CurveReport {
    var report = report
    report.undecidedCount = UInt64(waitingCount)
    return report
  }

  /// The value that a topic sent last; nil: none that is a number.
  func sentValue(_ topic: ArraySlice<UInt8>) -> Double? {
    curves.find(topic).flatMap { curves[$0].anchor?.value }
  }

  /// What an event has at the field.
  enum Reading: Equatable, Sendable {
    case number(Double)
    case noNumber
    /// Its payload can't be read: the stage takes no notice of it, and neither does a reader.
    case unreadable
  }

  /// The value that an event has at the field; nil where it is no number.
  mutating func value(_ event: StageEvent, in bytes: [UInt8]) -> Double? {
    if case .number(let value) = read(event, in: bytes) { value } else { nil }
  }

  private mutating func read(_ event: StageEvent, in bytes: [UInt8]) -> Reading {
    let source = Int(event.row.source)
    let rules = event.result == nil && source < decoder.count ? decoder[source] : nil
    let topic = bytes[event.row.topicRange]
    let texts = rules?.texts(of: topic) ?? .plain
    guard let format = event.result == nil ? rules?.format(of: topic) : .json else {
      return .noNumber
    }
    return unsafe bytes.withUnsafeBytes { bytes in
      let payload = unsafe UnsafeRawBufferPointer(rebasing: bytes[event.row.payloadRange])
      guard unsafe scanner.read(payload, as: format, into: &fields) == nil else {
        return .unreadable
      }
      guard let field = fields.first,
        let value = unsafe numericValue(of: field, in: payload, texts: texts)
      else { return .noNumber }
      return .number(value)
    }
  }

  /// Takes what the stage did in a step.
  mutating func take(_ trace: StageTrace, in bytes: [UInt8]) {
    for event in trace.left.prefix(trace.timedCount) { send(event, in: bytes) }
    var start = trace.timedCount
    for (event, step) in zip(trace.entered, trace.steps) {
      let left = trace.left[start..<max(start, step.leftEnd)]
      start = max(start, step.leftEnd)
      if step.verdict == nil || step.isHistorical { continue }
      switch rule {
      case .held: hold(event, isSent: !left.isEmpty, in: bytes)
      case .line(let isEnded): join(event, left, isEnded: isEnded, in: bytes)
      }
    }
  }

  private mutating func hold(_ event: StageEvent, isSent: Bool, in bytes: [UInt8]) {
    let reading = read(event, in: bytes)
    if reading == .unreadable { return }
    let slot = curves.slot(of: bytes[event.row.topicRange], value: Curve()).slot
    var point: Point?
    if case .number(let value) = reading {
      point = Point(number: event.number, boot: event.row.boot, value: value)
    }
    if isSent {
      curves[slot].anchor = point
    } else if let point {
      compare(point, with: curves[slot].anchor?.value, slot)
    }
  }

  private mutating func join(
    _ event: StageEvent,
    _ left: ArraySlice<StageEvent>,
    isEnded: Bool,
    in bytes: [UInt8]
  ) {
    if event.result != nil { return }
    var isSent = false
    for other in left where other.result == nil {
      if other.number == event.number { isSent = true } else { send(other, in: bytes) }
    }
    let reading = read(event, in: bytes)
    guard case .number(let value) = reading else {
      if isEnded, reading == .noNumber, let slot = curves.find(bytes[event.row.topicRange]) {
        settle(slot, upTo: nil)
        curves[slot].anchor = nil
      }
      return
    }
    let (slot, _, evicted) = curves.slot(of: bytes[event.row.topicRange], value: Curve())
    if let evicted { giveUp(evicted.value.waiting.count) }
    let point = Point(number: event.number, boot: event.row.boot, value: value)
    if isSent {
      settle(slot, upTo: point)
      return
    }
    if waitingCount >= pointCountMax {
      giveUp(curves[slot].waiting.count)
      curves[slot].waiting.removeAll()
    }
    if waitingCount < pointCountMax {
      curves[slot].waiting.append(point)
      waitingCount += 1
    } else {
      report.uncomparedCount &+= 1
    }
  }

  /// An event that came earlier goes on.
  private mutating func send(_ event: StageEvent, in bytes: [UInt8]) {
    guard event.result == nil, let value = value(event, in: bytes),
      let slot = curves.find(bytes[event.row.topicRange])
    else { return }
    settle(slot, upTo: Point(number: event.number, boot: event.row.boot, value: value))
  }

  /// Compares all that was left out before `end`, which becomes the point sent last; nil: no point
  /// follows, and the one sent last holds.
  private mutating func settle(_ slot: Int, upTo end: Point?) {
    let anchor = curves[slot].anchor
    let waiting = curves[slot].waiting
    var count = 0
    for point in waiting {
      if let end, point.number >= end.number { break }
      count += 1
      compare(point, with: anchor.map { Self.line($0, end, at: point.boot) }, slot)
    }
    // The point itself was among those that wait, if it came earlier.
    if let end, count < waiting.count, waiting[count].number == end.number { count += 1 }
    curves[slot].waiting.removeFirst(count)
    waitingCount -= count
    if let end { curves[slot].anchor = end }
  }

  private static func line(_ start: Point, _ end: Point?, at boot: Int64) -> Double {
    guard let end, start.boot < end.boot, start.boot <= boot, boot <= end.boot else {
      return start.value
    }
    let part =
      Double(boot.subtractingSaturated(start.boot))
      / Double(end.boot.subtractingSaturated(start.boot))
    return start.value + (end.value - start.value) * part
  }

  private mutating func compare(_ point: Point, with reconstructed: Double?, _ slot: Int) {
    guard let reconstructed, case let distance = (point.value - reconstructed).magnitude,
      distance.isFinite
    else {
      report.uncomparedCount &+= 1
      return
    }
    report.leftOutCount &+= 1
    report.sum += distance
    if report.largestAt == nil || distance > report.largest {
      report.largest = distance
      report.largestAt = point.number
      report.largestTopic = curves.topic(slot)
    }
  }

  private mutating func giveUp(_ count: Int) {
    waitingCount -= count
    report.uncomparedCount &+= UInt64(count)
  }
}
