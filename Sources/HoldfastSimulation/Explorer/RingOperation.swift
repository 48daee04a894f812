/// One thing that happens to a ring log in a workload.
public enum RingOperation: String, CaseIterable, Sendable {
  /// Two events are appended.
  case append
  /// What was appended becomes durable.
  case commit
  /// Three large events leave the segment for another one.
  case rotate
  /// All is delivered, and what nobody needs is freed.
  case recycle
  /// Large events come until the oldest segment makes room.
  case evict
  /// One event is delivered and the state saved.
  case saveCursor
  /// Upkeep: sealing, preparing files.
  case seal
  /// An oversize event is dropped between two good ones, and all committed.
  case drop
  /// What was appended is handed to the kernel and not synced.
  case writeThrough
  /// All that is durable is handed over to the upstream, which does not acknowledge it.
  case handOver
  /// An orderly stop and a start.
  case stop
  /// The process is killed; the kernel lives.
  case kill
  /// A stop, and a start with a smaller ring.
  case lower
  /// A stop, and a start with a larger ring.
  case raise

  /// Those of which every short sequence is tried.
  public static let exhaustive: [RingOperation] = [
    .append, .commit, .rotate, .recycle, .evict, .saveCursor,
  ]
}

/// A row of operations from an empty disk on, with all its chances from one seed.
public struct RingWorkload: Sendable, CustomStringConvertible {
  /// What happens first, and is not explored.
  public var base: [RingOperation]
  /// What happens then.
  public var operations: [RingOperation]
  /// Whether only the last operation is explored, because shorter workloads cover the others.
  public var exploresLastOnly: Bool
  /// Of all payloads and sizes.
  public var seed: UInt64

  /// One that can be replayed.
  public init(
    base: [RingOperation] = [],
    operations: [RingOperation],
    exploresLastOnly: Bool = false,
    seed: UInt64
  ) {
    self.base = base
    self.operations = operations
    self.exploresLastOnly = exploresLastOnly
    self.seed = seed
  }

  /// `seed 7: append commit | rotate`: what comes before the bar is not explored.
  public var description: String {
    let names = base.map(\.rawValue) + ["|"] + operations.map(\.rawValue)
    return "seed \(seed): " + names.joined(separator: " ")
  }

  /// Where the short workloads begin: an empty disk, a few events, a full ring, one with spare
  /// files, with sealed segments, after an orderly stop.
  public static let bases: [[RingOperation]] = [
    [],
    [.append, .commit, .append, .commit],
    [.rotate, .rotate, .rotate, .evict],
    [.rotate, .rotate, .rotate, .recycle],
    [.rotate, .rotate, .saveCursor, .rotate, .rotate, .seal],
    [.rotate, .drop, .saveCursor, .stop],
    [.rotate, .rotate, .recycle, .append, .commit, .stop, .append, .commit],
  ]

  /// All sequences of up to `length` of the six operations, after one base.
  public static func exhaustive(base: [RingOperation], length: Int) -> [RingWorkload] {
    // The first start on an empty disk is explored as a workload without operations.
    var workloads: [RingWorkload] = base.isEmpty ? [RingWorkload(operations: [], seed: 1)] : []
    var rows: [[RingOperation]] = [[]]
    for _ in 0..<length {
      rows = rows.flatMap { row in RingOperation.exhaustive.map { row + [$0] } }
      workloads += rows.map {
        RingWorkload(base: base, operations: $0, exploresLastOnly: true, seed: 1)
      }
    }
    return workloads
  }
}
