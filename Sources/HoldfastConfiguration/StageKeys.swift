import HoldfastPayload
import HoldfastStage

/// `type` of a stage.
enum StageType: String, CaseIterable {
  case drop
  case keep
  case map
  case changed
  case deadband
  case swingingDoor = "swinging-door"
  case throttle
  case sample
  case dedupe
  case window
  case downsample
  case alarm
  case burst
}

/// Keys of `[[upstream.stage]]` and `[[source.stage]]`; which belong together says
/// ``StageType/rows``.
enum StageKey: String, CaseIterable {
  case type
  case topics
  case topicCountMax = "max_topics"
  case when
  case select
  case remove
  case rename
  case compute
  case add
  case topic
  case field
  case fields
  case threshold
  case of
  case span
  case intervalMax = "max_interval"
  case deviation
  case interval
  case send
  case every
  case payloadCountMax = "max_payloads"
  case size
  case aggregates
  case lateness
  case offset
  case time
  case late
  case method
  case byteCountMax = "max_bytes"
  case on
  case off
  case duration
  case pass
  case before
  case after
  case heldCountMax = "before_events"
  case heldByteCountMax = "before_bytes"

  /// What to write for one that is missing.
  var example: String {
    switch self {
    case .type: "\"deadband\""
    case .when: "\"temperature > 80\""
    case .fields: "[\"temperature\"]"
    case .field: "\"temperature\""
    case .threshold: "\"0.5\""
    case .deviation: "\"0.5\""
    case .on: "80"
    case .off: "75"
    case .every: "10"
    case .aggregates: "[\"count\", \"mean\", \"max\"]"
    case .method: "\"m4\""
    case .before, .after: "\"30s\""
    default: "\"1m\""
    }
  }
}

/// Keys of `[[upstream.stage.compute]]`.
enum ComputeKey: String, CaseIterable {
  case field
  case scale
  case offset
  case min
  case max
  case round
}

/// The bounds of what a stage may be given.
enum StageBound {
  /// Stages of one source or upstream.
  static let countMax = 32
  /// Entries of `[[source.decode_topic]]` of one source.
  static let decodeTopicCountMax = 64
  /// Entries of `fields`, `select`, `remove`, `rename`, `add` and `compute`, each.
  static let fieldCountMax = FieldScanner.pathCountMax
  /// Bytes of a name that `rename` or `add` gives.
  static let nameByteCountMax = 256
  /// Bytes of a text that `add` gives.
  static let valueByteCountMax = 1024

  /// The last wildcard of a filter that `{99}` can name.
  static let captureCountMax = 99

  static let topicCounts = 1...100_000
  static let intervals = 10 * millisecond...30 * day
  static let intervalMaxima = second...30 * day
  static let samples = 1...1_000_000_000
  static let payloadCounts = 1...1024
  static let windowSizes = 100 * millisecond...31 * day
  static let lateness = 0...7 * day
  static let offsets = 0...31 * day
  static let aggregateCounts = 1...16
  static let durations = 0...30 * day
  static let before = 0...hour
  static let after = 0...day
  static let heldCounts = 1...1_000_000
  static let logByteCounts = 64 << 10...1 << 30
  static let heldByteCounts = 4 << 10...64 << 20
  static let roundDigitCounts = 0...15
}

/// A key of a stage type: whether it must stand there, its default and its range, as text.
struct StageRow {
  var key: StageKey
  var isRequired = false
  var standard: String?
  var range: String?

  static func needed(_ key: StageKey, _ range: String? = nil) -> StageRow {
    StageRow(key: key, isRequired: true, range: range)
  }

  static func free(_ key: StageKey, _ range: String? = nil, or standard: String? = nil) -> StageRow
  {
    StageRow(key: key, standard: standard, range: range)
  }
}

extension StageType {
  /// Whether it keeps something per topic, so that `max_topics` bounds it.
  var hasMemory: Bool {
    switch self {
    case .drop, .keep, .map: false
    default: true
    }
  }

  /// Its keys in the order of the manual.
  var rows: [StageRow] {
    let memory = StageRow.free(.topicCountMax, range(StageBound.topicCounts), or: "10000")
    return [.needed(.type), .free(.topics)] + ownRows + (hasMemory ? [memory] : [])
  }

  private var ownRows: [StageRow] {
    let fieldCounts = "1 to \(StageBound.fieldCountMax) paths"
    let heartbeat = StageRow.free(.intervalMax, range(StageBound.intervalMaxima))
    return switch self {
    case .drop:
      [.free(.when, or: quoted(StageReader.always))]
    case .keep:
      [.needed(.when)]
    case .map:
      [
        .free(.select, fieldCounts), .free(.remove, fieldCounts), .free(.rename),
        .free(.compute), .free(.add), .free(.topic),
      ]
    case .changed:
      [.free(.fields, fieldCounts), heartbeat]
    case .deadband:
      [
        .needed(.field), .needed(.threshold),
        .free(.of, words(ThresholdBase.self), or: quoted(ThresholdBase.last.rawValue)),
        .free(.span), heartbeat,
      ]
    case .swingingDoor:
      [.needed(.field), .needed(.deviation), heartbeat]
    case .throttle:
      [
        .needed(.interval, range(StageBound.intervals)),
        .free(.send, words(ThrottleSettings.Pick.self), or: "\"first\""),
      ]
    case .sample:
      [.needed(.every, range(StageBound.samples))]
    case .dedupe:
      [
        .needed(.span, range(StageBound.intervals)),
        .free(.payloadCountMax, range(StageBound.payloadCounts), or: "16"),
      ]
    case .window:
      windowRows
    case .downsample:
      [
        .needed(.field), .needed(.method, words(DownsampleSettings.Method.self)),
        .needed(.size, range(StageBound.windowSizes)),
        .free(.byteCountMax, sizes(StageBound.heldByteCounts), or: "\"16MiB\""),
      ]
    case .alarm:
      [
        .needed(.field), .needed(.on), .needed(.off),
        .free(.duration, range(StageBound.durations), or: "\"0s\""),
        .free(.topic, or: "\"{topic}/alarm\""), .free(.pass, or: "false"),
      ]
    case .burst:
      [
        .needed(.when), .needed(.interval, range(StageBound.intervals)),
        .needed(.before, range(StageBound.before)), .needed(.after, range(StageBound.after)),
        .free(.heldCountMax, range(StageBound.heldCounts), or: "20000"),
        .free(.heldByteCountMax, sizes(StageBound.logByteCounts), or: "\"8MiB\""),
      ]
    }
  }

  private var windowRows: [StageRow] {
    [
      .free(.fields, "1 to \(StageBound.fieldCountMax) paths"),
      .needed(.size, range(StageBound.windowSizes)),
      .needed(.aggregates),
      .free(.lateness, range(StageBound.lateness), or: "\"0s\""),
      .free(.offset, or: "\"0s\""),
      .free(.time, or: "\"arrival\""),
      .free(.late, words(WindowSettings.LatePolicy.self), or: "\"count-only\""),
      .free(.topic, or: "\"{topic}\""),
      .free(.byteCountMax, sizes(StageBound.heldByteCounts), or: "\"16MiB\""),
    ]
  }

  private func range(_ durations: ClosedRange<Int64>) -> String {
    "\(formattedDuration(durations.lowerBound)) to \(formattedDuration(durations.upperBound))"
  }

  private func range(_ numbers: ClosedRange<Int>) -> String {
    "\(numbers.lowerBound) to \(numbers.upperBound)"
  }

  private func sizes(_ sizes: ClosedRange<Int>) -> String {
    "\(formattedSize(sizes.lowerBound)) to \(formattedSize(sizes.upperBound))"
  }

  private func words<T: RawRepresentable<String> & CaseIterable>(_ type: T.Type) -> String {
    T.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
  }
}

/// `of`: what a percentage is meant of.
enum ThresholdBase: String, CaseIterable {
  case last
  case span
}
