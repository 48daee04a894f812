internal import HoldfastEvent
internal import HoldfastRingLog

/// Which disk operations fail just now.
struct DiskFaults {
  /// One way for a disk to fail: a row of ``table``.
  struct Way {
    var operations: Set<DiskError.Operation>
    var errno: Int32
    /// Longest time it lasts, seconds; 0: a few operations only.
    var seconds: Int64
  }

  /// Longer outages of opening and listing make a start give files up, as it should.
  static let table: [FaultKind: Way] = [
    .writeError: Way(operations: [.write], errno: Errno.inputOutput, seconds: 300),
    .syncError: Way(operations: [.sync], errno: Errno.inputOutput, seconds: 300),
    .openError: Way(operations: [.open], errno: Errno.inputOutput, seconds: 50),
    .nameError: Way(
      operations: [.rename, .remove, .syncDirectory],
      errno: Errno.inputOutput,
      seconds: 300
    ),
    .readError: Way(operations: [.read], errno: Errno.inputOutput, seconds: 300),
    .diskError: Way(
      operations: [.write, .sync, .open, .rename, .remove, .syncDirectory, .list, .size],
      errno: Errno.inputOutput,
      seconds: 50
    ),
    .quota: Way(operations: [.write], errno: 122, seconds: 300),
    .readOnly: Way(
      operations: [.write, .sync, .rename, .remove, .syncDirectory],
      errno: Errno.readOnly,
      seconds: 300
    ),
    .interrupted: Way(
      operations: [.write, .sync, .open, .read, .syncDirectory],
      errno: 4,
      seconds: 0
    ),
    .descriptorLimit: Way(operations: [.open, .list], errno: 24, seconds: 50),
  ]

  private var way: Way?
  /// Only this file is concerned; nil: all are.
  private var name: String?
  /// Fails so many more of them.
  private var count = 0
  /// Fails all of them before, microseconds.
  private var until: Int64 = 0
  /// Fails only each so-manieth.
  private var stride = 1
  private var askedCount = 0

  /// None.
  init() {}

  /// The next operations fail, or all for a while.
  init(_ way: Way, now: Int64, chances: inout SplitMix64) {
    self.way = way
    if way.seconds == 0 || chances.next() & 1 == 0 {
      count = Int.random(in: 1...4, using: &chances)
    } else {
      until = now + Int64.random(in: 1...way.seconds, using: &chances) * microsecondsPerSecond
    }
    stride = Int.random(in: 1...3, using: &chances)
  }

  /// One file can't be opened for a while.
  init(hiding name: String, until: Int64) {
    way = Way(operations: [.open], errno: Errno.inputOutput, seconds: 1)
    self.name = name
    self.until = until
  }

  /// One file can't be written anew for a while.
  init(keeping name: String, errno: Int32, until: Int64) {
    way = Way(operations: [.open, .write, .sync, .rename], errno: errno, seconds: 1)
    self.name = name
    self.until = until
  }

  /// Nothing can be written for a while.
  init(until: Int64) {
    way = Self.table[.readOnly]
    self.until = until
  }

  /// Whether something may fail at that instant.
  func mayStrike(at now: Int64) -> Bool { count > 0 || now < until }

  mutating func errno(_ operation: DiskError.Operation, _ name: String, world: World) -> Int32? {
    guard let way, mayStrike(at: world.now), way.operations.contains(operation),
      self.name ?? name == name
    else { return nil }
    askedCount += 1
    guard askedCount % stride == 0 else { return nil }
    if count > 0 { count -= 1 }
    world.report.diskFaultCount += 1
    return way.errno
  }
}

extension World {
  /// Damages bytes of the log while nobody has it open; false if there is nothing to damage.
  ///
  /// After a crash the newest segment is spared: there a torn block and a rotten one look the
  /// same, and what was never acknowledged may go without a record.
  func rot(wasSaved: Bool, chances: inout SplitMix64) -> Bool {
    guard let name = settledFile(wasSaved: wasSaved, chances: &chances),
      var bytes = disk.contents(name),
      bytes.count >= 4096
    else { return false }
    let start = Int.random(in: bytes.indices, using: &chances)
    switch chances.next() % 3 {
    case 0: bytes[start] ^= 1 << UInt8.random(in: 0...7, using: &chances)
    case 1:
      let sector = start & ~511
      bytes.replaceSubrange(sector..<sector + 512, with: repeatElement(0, count: 512))
    default:
      let other = Int.random(in: bytes.indices, using: &chances) & ~511
      let sector = start & ~511
      bytes.replaceSubrange(sector..<sector + 512, with: Array(bytes[other..<other + 512]))
    }
    disk.setContents(name, bytes)
    hasRotted = true
    trace("BIT ROT in \(name) at \(start)")
    return true
  }

  /// One segment can't be opened for longer than a start waits for it.
  func hideFile(chances: inout SplitMix64) -> Bool {
    // A start opens hot files only; the others are missed when somebody reads them.
    guard let name = settledFile(wasSaved: false, prefersHot: true, chances: &chances) else {
      return false
    }
    diskFaults = DiskFaults(hiding: name, until: now + 300 * microsecondsPerSecond)
    hasRotted = true
    trace("\(name) can't be opened")
    return true
  }

  /// A segment whose numbers are known for certain to be durable.
  private func settledFile(
    wasSaved: Bool,
    prefersHot: Bool = false,
    chances: inout SplitMix64
  ) -> String? {
    guard let ring = try? RingInspection(disk: disk) else { return nil }
    var names = ring.segmentSummaries.map(\.name)
    if !wasSaved { names = names.dropLast() }
    let hot = names.filter { $0.hasPrefix("hot-") }
    if prefersHot && !hot.isEmpty { names = hot }
    if names.isEmpty { return nil }
    return "ring/" + names[Int.random(in: names.indices, using: &chances)]
  }
}
