/// What happens when the ring is full.
public enum FullPolicy: String, Sendable, CaseIterable {
  /// The oldest segment makes room; what an upstream still needed becomes a gap record.
  case dropOldest = "drop-oldest"
  /// Nothing more is accepted until an upstream has made room; the source is closed meanwhile.
  case refuseNewest = "refuse-newest"
}

/// How much of what every upstream has passed stays on disk, as far as there is room.
public enum DeliveredKeeping: Equatable, Sendable {
  /// What arrived so many microseconds ago or later.
  case span(Int64)
  /// The newest so many bytes of files.
  case byteCount(Int)
}

/// The ring log's settings, each with its unit and default.
public struct RingConfiguration: Equatable, Sendable {
  /// Least `byteCountMax`: 32 MiB.
  public static let byteCountMin = 32 << 20
  /// Largest `byteCountMax`: 1 TiB, and 1 GiB where an `Int` has 32 bits.
  public static let byteCountLimit = Int(min(1 << 40, Int64(Int.max / 2 + 1)))

  /// `ring.size`: bytes on disk of every file of ours.
  public var byteCountMax = 256 << 20
  /// `ring.max_age`: segments whose latest event arrived longer ago by the wall clock go,
  /// microseconds; nil: no bound.
  public var ageMax: Int64?
  /// `ring.keep_delivered`: what stays of delivered data, to be sent again on demand; nil: nothing.
  ///
  /// Never in the way of what some upstream still needs: see ``RingLog/keptByteCount``.
  public var keepDelivered: DeliveredKeeping?
  /// `ring.when_full`.
  public var whenFull: FullPolicy = .dropOldest
  /// `ring.commit_interval`: microseconds between commits under load, 10 ms to 5 s.
  public var commitInterval: Int64 = 250_000
  /// `ring.max_payload`: payloads above it are dropped and recorded, bytes.
  public var payloadByteCountMax = 1 << 20
  /// `ring.chain_size`: raw bytes of one compression chain, the most that one damaged block costs.
  public var chainRawByteCountMax = 256 << 10
  /// `ring.time_resolution`: stored ticks per second, 1,000 or 1,000,000.
  public var ticksPerSecond: Int64 = 1_000
  /// `ring.memory`: bytes of recent events kept in memory for upstreams that are up to date.
  public var tailByteCountMax = 4 << 20

  /// Least size of a hot segment, bytes: smaller ones only for tests that need many.
  public var segmentByteCountMin = 2 << 20
  /// Largest size of a hot segment, bytes: smaller ones only for tests.
  public var segmentByteCountMax = 8 << 20

  /// The defaults.
  public init() {}

  /// Bytes of one hot segment: a 32nd of the ring, between 2 MiB and 8 MiB, a multiple of 4 KiB.
  public var segmentByteCount: Int {
    min(max(byteCountMax / 32, segmentByteCountMin), segmentByteCountMax) & ~4095
  }
}
