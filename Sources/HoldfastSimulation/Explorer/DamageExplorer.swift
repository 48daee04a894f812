internal import HoldfastEvent
public import HoldfastRingLog

/// Damages the files of a ring byte by byte and sector by sector, and starts on each.
public struct DamageExplorer: Sendable {
  /// What is done to a file.
  public enum Damage: String, Sendable, CaseIterable {
    case flippedBit, headerBit, payloadBit, truncated, zeroed, swapped, duplicated, removed

    /// What is done at every place of a small ring.
    public static let ofSmallRings: [Damage] = [
      .flippedBit, .truncated, .zeroed, .swapped, .duplicated, .removed,
    ]
  }

  /// What damage makes a start do; all of it must be reached.
  public static let steps: RecoverySteps = [
    .unreadableState, .spoiledSlot, .cleanStop, .passedUnused, .lostCorrupt, .missedFile,
    .removedEmpty, .quarantined,
  ]

  /// A ring of about 64 KiB with hot and sealed segments, after an orderly stop.
  public static let small = DamageExplorer(
    operations: [
      .append, .commit, .append, .commit, .append, .commit, .rotate, .rotate, .rotate, .append,
      .commit, .append, .commit, .seal, .append, .commit, .drop, .stop,
    ],
    segmentByteCount: RingRun.segmentByteCount,
    segmentCountMax: 10
  )

  /// A ring of about 1 MiB.
  public static let large = DamageExplorer(
    operations: [RingOperation](repeating: .rotate, count: 110) + [
      .seal, .append, .commit, .append, .commit, .append, .commit, .stop,
    ],
    segmentByteCount: 64 << 10,
    segmentCountMax: 24
  )

  let operations: [RingOperation]
  private let segmentByteCount: Int
  private let segmentCountMax: Int

  private init(operations: [RingOperation], segmentByteCount: Int, segmentCountMax: Int) {
    self.operations = operations
    self.segmentByteCount = segmentByteCount
    self.segmentCountMax = segmentCountMax
  }

  private func ring() -> DamagedRing {
    DamagedRing(
      operations,
      segmentByteCount: segmentByteCount,
      segmentCountMax: segmentCountMax
    )
  }

  /// Bytes worth damaging: all of every file but the zeros behind the states.
  public var byteCount: Int { ring().byteCount }

  /// Does one kind of damage at every place, or at each `stride`-th.
  ///
  /// - Parameters:
  ///   - damage: what is done.
  ///   - stride: 1 for every place.
  ///   - countMax: places drawn at random instead, for payload bits.
  ///   - threadCount: searches at a time.
  /// - Returns: the figures.
  public func run(
    _ damage: Damage,
    stride: Int = 1,
    countMax: Int = 0,
    threadCount: Int = 2
  ) async -> ExplorerFigures {
    let partCount = 16
    var figures = await RingProof.run(partCount: partCount, threadCount: threadCount) { part in
      var figures = ExplorerFigures()
      let ring = ring()
      var index = 0
      visit(damage, ring, stride: stride, countMax: countMax) { file, text, bytes in
        defer { index += 1 }
        guard index % partCount == part else { return }
        if let problem = ring.problem(file, bytes(), &figures) {
          figures.fail("\(ring.files[file].name) \(text()): \(problem)")
        }
      }
      figures.counts["\(damage.rawValue)", default: 0] += figures.caseCount
      return figures
    }
    figures.workloadCount = ring().files.count
    return figures
  }

  private typealias Visitor = (Int, () -> String, () -> SparseBytes?) -> Void

  private func visit(
    _ damage: Damage,
    _ ring: DamagedRing,
    stride: Int,
    countMax: Int,
    _ body: Visitor
  ) {
    switch damage {
    case .flippedBit:
      for bit in Swift.stride(from: 0, to: ring.byteCount * 8, by: stride) {
        guard let (file, offset) = ring.byte(at: bit / 8) else { continue }
        flip(ring, file, offset * 8 + bit % 8, body)
      }
    case .headerBit:
      for (file, contents) in ring.files.enumerated() {
        for block in contents.blocks {
          for bit in Swift.stride(from: 0, to: 128 * 8, by: stride) {
            flip(ring, file, block.range.lowerBound * 8 + bit, body)
          }
        }
      }
    case .payloadBit: visitPayloadBits(ring, countMax, body)
    case .truncated: visitLengths(ring, stride, body)
    case .zeroed, .swapped, .duplicated: visitSectors(damage, ring, stride, body)
    case .removed:
      for file in ring.files.indices { body(file, { "removed" }, { nil }) }
    }
  }

  private func flip(_ ring: DamagedRing, _ file: Int, _ bit: Int, _ body: Visitor) {
    body(file, { "bit \(bit) flipped" }) {
      var bytes = ring.files[file].bytes
      bytes.flip(bit: bit)
      return bytes
    }
  }

  private func visitPayloadBits(_ ring: DamagedRing, _ count: Int, _ body: Visitor) {
    var random = SplitMix64(seed: 99)
    let files = ring.files.indices.filter { !ring.files[$0].blocks.isEmpty }
    for _ in 0..<count {
      let file = files[Int(random.next() % UInt64(files.count))]
      let blocks = ring.files[file].blocks
      let range = blocks[Int(random.next() % UInt64(blocks.count))].range
      let offset = range.lowerBound + 128 + Int(random.next() % UInt64(range.count - 128))
      flip(ring, file, offset * 8 + Int(random.next() % 8), body)
    }
  }

  private func visitLengths(_ ring: DamagedRing, _ stride: Int, _ body: Visitor) {
    for (file, contents) in ring.files.enumerated() {
      let count = contents.bytes.count
      let parts = contents.parts
      for length in Swift.stride(from: 0, to: count, by: stride) {
        // Between the states of the state file lie zeros: there every 512th length will do.
        let isWorthIt =
          length % 512 == 0 || parts.contains { $0.contains(length) }
        if !isWorthIt { continue }
        body(file, { "cut to \(length) bytes" }) {
          var bytes: [UInt8] = []
          contents.bytes.read(0..<length, into: &bytes)
          return SparseBytes(bytes)
        }
      }
    }
  }

  private func visitSectors(
    _ damage: Damage,
    _ ring: DamagedRing,
    _ stride: Int,
    _ body: Visitor
  ) {
    let size = SparseBytes.sectorByteCount
    for (file, contents) in ring.files.enumerated() {
      let starts = contents.parts.flatMap {
        Swift.stride(from: $0.lowerBound, to: $0.upperBound, by: size)
      }
      for (place, start) in starts.enumerated() where place % stride == 0 {
        // Every sector gets zeros, or the bytes of the next one or of one far away.
        for distance in damage == .zeroed ? [1] : [1, 8, 13] where starts.count > 1 {
          let other = starts[(place + distance) % starts.count]
          body(file, { "sector at \(start) \(damage.rawValue) with that at \(other)" }) {
            var bytes = contents.bytes
            let here = Array(bytes.sector(start / size))
            let there = Array(bytes.sector(other / size))
            switch damage {
            case .swapped:
              bytes.write(there[...], at: start)
              bytes.write(here[...], at: other)
            case .duplicated: bytes.write(there[...], at: start)
            default: bytes.write([UInt8](repeating: 0, count: size)[...], at: start)
            }
            return bytes
          }
        }
      }
    }
  }
}
