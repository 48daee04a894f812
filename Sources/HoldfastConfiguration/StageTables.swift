import HoldfastStage

extension ConfigurationKeys {
  /// A type of stage and its keys.
  public struct Stage: Equatable, Sendable {
    /// `drop`, `keep` and so on.
    public var type: String
    /// Whether it may stand in `[[source.stage]]` too.
    public var isForSources: Bool
    /// What it takes beside `type`, in the order of the manual.
    public var keys: [Key]

    /// One key.
    public struct Key: Equatable, Sendable {
      /// As it is written in the file.
      public var name: String
      /// Whether it must stand there.
      public var isRequired: Bool
      /// The default as it would be written; nil: there is none.
      public var standard: String?
      /// What it may be, in words; nil: what its type allows.
      public var range: String?
    }
  }
}

extension StageType {
  /// What is told about it.
  var table: ConfigurationKeys.Stage {
    ConfigurationKeys.Stage(
      type: rawValue,
      isForSources: reasonAgainstSource == nil,
      keys: rows.filter { $0.key != .type }.map { row in
        ConfigurationKeys.Stage.Key(
          name: row.key.rawValue,
          isRequired: row.isRequired,
          standard: row.standard,
          range: row.range
        )
      }
    )
  }

  /// Why it can't stand before the log; nil where it can.
  var reasonAgainstSource: String? {
    switch self {
    case .drop, .keep, .changed, .deadband, .throttle, .sample, .dedupe:
      nil
    case .map:
      "changes events, and the log keeps them as they came"
    case .swingingDoor, .downsample, .burst:
      "holds events back, and before the log nothing may wait: it would be lost in a crash"
    case .window, .alarm:
      "makes results, and before the log there is nothing to compute them again from after a crash"
    }
  }

  /// The type of settings that were read.
  init(of kind: StageConfiguration.Kind) {
    self =
      switch kind {
      case .drop: .drop
      case .keep: .keep
      case .map: .map
      case .changed: .changed
      case .deadband: .deadband
      case .swingingDoor: .swingingDoor
      case .throttle: .throttle
      case .sample: .sample
      case .dedupe: .dedupe
      case .window: .window
      case .downsample: .downsample
      case .alarm: .alarm
      case .burst: .burst
      }
  }
}
