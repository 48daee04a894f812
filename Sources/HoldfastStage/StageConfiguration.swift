public import HoldfastEvent
public import HoldfastPayload

/// One `[[upstream.stage]]` or `[[source.stage]]`: which events it acts on, and what it does.
public struct StageConfiguration: Equatable, Sendable {
  /// `topics`: the events it acts on, others pass it by; empty: all.
  public var topics: [TopicFilter]
  /// `type` and what belongs to it.
  public var kind: Kind
  /// `max_topics`: topics with a state of their own; the least recently used makes room.
  public var topicCountMax = 10_000

  /// What a stage does.
  public enum Kind: Equatable, Sendable {
    case drop(Condition)
    case keep(Condition)
    case map(MapSettings)
    case changed(ChangedSettings)
    case deadband(DeadbandSettings)
    case swingingDoor(SwingingDoorSettings)
    case throttle(ThrottleSettings)
    case sample(SampleSettings)
    case dedupe(DedupeSettings)
    case window(WindowSettings)
    case downsample(DownsampleSettings)
    case alarm(AlarmSettings)
    case burst(BurstSettings)

    /// Whether the log may be divided before an event and the stage begin anew there, without
    /// anything that it holds back being left behind.
    public var canBeDivided: Bool {
      switch self {
      case .drop, .keep, .map, .changed, .deadband, .sample, .dedupe, .alarm: true
      case .throttle(let settings): settings.pick == .first
      case .swingingDoor, .window, .downsample, .burst: false
      }
    }
  }

  /// Made of its parts.
  public init(topics: [TopicFilter] = [], kind: Kind) {
    self.topics = topics
    self.kind = kind
  }
}

/// `map`: changes payload and topic.
public struct MapSettings: Equatable, Sendable {
  /// `select`: the fields that stay, in the payload's order; empty: all.
  public var select: [FieldPath] = []
  /// `remove`: fields that go.
  public var remove: [FieldPath] = []
  /// `rename`: a field and its new name in the same object.
  public var rename: [Rename] = []
  /// `[[upstream.stage.compute]]`: arithmetic on numbers, in order.
  public var compute: [Compute] = []
  /// `add`: names and JSON values, with `{1}` for what the topic filters' wildcards matched.
  public var add: [Addition] = []
  /// `topic`: the new topic, with `{topic}` and `{1}`, `{2}` … filled in; nil: unchanged.
  public var topic: String?

  /// A field's new name.
  public struct Rename: Equatable, Sendable {
    /// The field.
    public var field: FieldPath
    /// Its new name.
    public var name: String
    /// Made of its parts.
    public init(field: FieldPath, name: String) {
      self.field = field
      self.name = name
    }
  }

  /// value × scale + offset, then clamped, then rounded.
  public struct Compute: Equatable, Sendable {
    /// The number it is done to.
    public var field: FieldPath
    /// What the value is multiplied by.
    public var scale = 1.0
    /// What is added then.
    public var offset = 0.0
    /// The least that is sent; nil: none.
    public var min: Double?
    /// The most that is sent; nil: none.
    public var max: Double?
    /// `round`: decimal digits behind the point, 0 to 15; nil: not rounded.
    public var roundDigitCount: Int?
    /// Leaves the value as it is.
    public init(field: FieldPath) { self.field = field }
  }

  /// A static tag.
  public struct Addition: Equatable, Sendable {
    /// The field that is added to the object.
    public var name: String
    /// The text of a string value with places to fill in, or a number, `true`, `false` as it stands.
    public var value: String
    /// Whether it is a text.
    public var isText: Bool
    /// Made of its parts.
    public init(name: String, value: String, isText: Bool) {
      self.name = name
      self.value = value
      self.isText = isText
    }
  }

  /// Changes nothing.
  public init() {}
}

/// `changed`: sends only what differs from what was sent last on the topic.
public struct ChangedSettings: Equatable, Sendable {
  /// `fields`: what is compared; empty: the whole payload.
  public var fields: [FieldPath]
  /// `max_interval`: sends after this long in any case, microseconds; nil: never.
  public var intervalMax: Int64?
  /// Defaults for all but what has none.
  public init(fields: [FieldPath] = [], intervalMax: Int64? = nil) {
    self.fields = fields
    self.intervalMax = intervalMax
  }
}

/// `deadband`: sends when the value has moved by more than `threshold` from what was sent last.
public struct DeadbandSettings: Equatable, Sendable {
  /// How far is far enough.
  public enum Threshold: Equatable, Sendable {
    case absolute(Double)
    /// Of the value sent last, as a fraction: `"2%"` is 0.02.
    case fractionOfLast(Double)
    /// Of `span`, as a fraction.
    case fractionOfSpan(Double, span: Double)
  }
  /// The number that is looked at.
  public var field: FieldPath
  /// `threshold`.
  public var threshold: Threshold
  /// `max_interval`, microseconds; nil: none.
  public var intervalMax: Int64?
  /// Defaults for all but what has none.
  public init(field: FieldPath, threshold: Threshold, intervalMax: Int64? = nil) {
    self.field = field
    self.threshold = threshold
    self.intervalMax = intervalMax
  }
}

/// `swinging-door`: sends the corner points of a line that stays within `deviation` of all values.
public struct SwingingDoorSettings: Equatable, Sendable {
  /// The number that is looked at.
  public var field: FieldPath
  /// `deviation`: in the unit of the value.
  public var deviation: Double
  /// `max_interval`, microseconds; nil: none.
  public var intervalMax: Int64?
  /// Defaults for all but what has none.
  public init(field: FieldPath, deviation: Double, intervalMax: Int64? = nil) {
    self.field = field
    self.deviation = deviation
    self.intervalMax = intervalMax
  }
}

/// `throttle`: at most one event per interval and topic.
public struct ThrottleSettings: Equatable, Sendable {
  /// `send`: which event of an interval.
  public enum Pick: String, CaseIterable, Sendable {
    case first, last
  }
  /// `interval`, microseconds.
  public var interval: Int64
  /// `send`.
  public var pick: Pick
  /// Defaults for all but what has none.
  public init(interval: Int64, pick: Pick = .first) {
    self.interval = interval
    self.pick = pick
  }
}

/// `sample`: every n-th event of a topic, the first one included.
public struct SampleSettings: Equatable, Sendable {
  /// `every`: 1 and more.
  public var every: UInt64
  /// Defaults for all but what has none.
  public init(every: UInt64) { self.every = every }
}

/// `dedupe`: drops a payload that the topic had within the span.
public struct DedupeSettings: Equatable, Sendable {
  /// `span`, microseconds.
  public var span: Int64
  /// `max_payloads`: payloads remembered per topic.
  public var payloadCountMax = 16
  /// Defaults for all but what has none.
  public init(span: Int64) { self.span = span }
}

/// Which time an event belongs to.
public enum EventTime: Equatable, Sendable {
  /// When it arrived, by the wall clock.
  case arrival
  /// What a field says: seconds, milliseconds, microseconds or nanoseconds since 1970 by its size,
  /// or RFC 3339 text; where it says nothing the arrival counts, and is counted.
  case field(FieldPath)
}

/// `window`: one result per topic and time span.
public struct WindowSettings: Equatable, Sendable {
  /// What a result holds.
  public enum Aggregate: Hashable, Sendable {
    case count, sum, min, max, mean, first, last, stddev
    /// 0 < p < 100, with the sketch's stated error.
    case percentile(Double)
  }
  /// What becomes of an event whose window has been sent.
  public enum LatePolicy: String, CaseIterable, Sendable {
    /// The result is sent again with the next revision.
    case emitCorrection = "emit-correction"
    case countOnly = "count-only"
  }
  /// `fields`: what is aggregated; each gives an object of its own in the result.
  public var fields: [FieldPath]
  /// `size`, microseconds.
  public var size: Int64
  /// `lateness`: how long after its end a window waits, microseconds of arrival time.
  public var lateness: Int64 = 0
  /// `offset`: windows begin at multiples of `size` since 1970 plus this, microseconds.
  public var offset: Int64 = 0
  /// `time`: which time an event belongs to.
  public var time = EventTime.arrival
  /// `aggregates`: what a result holds.
  public var aggregates: [Aggregate]
  /// `late`: what becomes of late events.
  public var late = LatePolicy.countOnly
  /// `topic`: where results go, with `{topic}` and `{1}` filled in.
  public var topic = "{topic}"
  /// `max_bytes`: most memory for the windows of all topics; beyond it those of the topics used
  /// least recently end early.
  public var heldByteCountMax = 16 << 20
  /// Defaults for all but what has none.
  public init(fields: [FieldPath], size: Int64, aggregates: [Aggregate]) {
    self.fields = fields
    self.size = size
    self.aggregates = aggregates
  }
}

/// `downsample`: few events per window that keep the shape of the curve, byte for byte.
public struct DownsampleSettings: Equatable, Sendable {
  /// `method`.
  public enum Method: String, CaseIterable, Sendable {
    /// First, least, greatest and last of each window.
    case m4
    /// Largest triangle three buckets: one event per window.
    case lttb
  }
  /// The number that is looked at.
  public var field: FieldPath
  /// `method`.
  public var method: Method
  /// `size`, microseconds of arrival time.
  public var size: Int64
  /// `max_bytes`: most memory for the events held of all topics; beyond it windows end early.
  public var heldByteCountMax = 16 << 20
  /// Defaults for all but what has none.
  public init(field: FieldPath, method: Method, size: Int64) {
    self.field = field
    self.method = method
    self.size = size
  }
}

/// `alarm`: emits transitions of a value across thresholds with hysteresis.
public struct AlarmSettings: Equatable, Sendable {
  /// The number that is looked at.
  public var field: FieldPath
  /// `on`: the alarm begins above it (below it when `off` is greater).
  public var on: Double
  /// `off`: the alarm ends below it (above it when greater than `on`).
  public var off: Double
  /// `duration`: how long the value must stay beyond a threshold, microseconds.
  public var duration: Int64 = 0
  /// `topic`: where transitions go.
  public var topic = "{topic}/alarm"
  /// `pass`: whether the events themselves go on as well.
  public var passesEvents = false
  /// Defaults for all but what has none.
  public init(field: FieldPath, on: Double, off: Double) {
    self.field = field
    self.on = on
    self.off = off
  }
}

/// `burst`: few events normally, all of them around a condition.
public struct BurstSettings: Equatable, Sendable {
  /// `when`: the condition that asks for all.
  public var when: Condition
  /// `interval`: normally at most one event per topic in this time, microseconds.
  public var interval: Int64
  /// `before`: how much before the condition, microseconds.
  public var before: Int64
  /// `after`: how much behind it, microseconds.
  public var after: Int64
  /// `before_events`: most events remembered as kept back, of all topics; the oldest make room.
  public var heldCountMax = 20_000
  /// `before_bytes`: how much of the log it may make the log keep, as the events came.
  public var heldByteCountMax = 8 << 20
  /// Defaults for all but what has none.
  public init(when: Condition, interval: Int64, before: Int64, after: Int64) {
    self.when = when
    self.interval = interval
    self.before = before
    self.after = after
  }
}
