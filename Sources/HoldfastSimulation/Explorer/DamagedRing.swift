internal import HoldfastCodec
internal import HoldfastEvent
internal import HoldfastRingLog

/// A ring at rest, what is in each of its files, and what damage to them must cost.
final class DamagedRing {
  /// A block as its header tells, read without the code under test.
  struct Block {
    var range: Range<Int>
    var first: SequenceNumber
    var end: SequenceNumber
    var isChainStart: Bool

    /// Whether all its numbers stand in `ranges`, which are ascending.
    func hasCopy(in ranges: [Range<SequenceNumber>]) -> Bool {
      var next = first
      for range in ranges where range.contains(next) { next = range.upperBound }
      return next >= end
    }
  }

  struct File {
    var name: String
    var bytes: SparseBytes
    /// Empty for the state file and for spares.
    var blocks: [Block]
    /// The bytes that are worth damaging: all but the zeros behind each slot of the state file.
    var parts: [Range<Int>]
  }

  let run: RingRun
  private let contexts = CodecContexts(keeping: 2)
  private(set) var files: [File] = []
  private let disk: SimulatedDisk

  /// - Parameters:
  ///   - operations: how it came to be.
  ///   - segmentByteCount: of each hot file.
  ///   - segmentCountMax: how many fit.
  ///   - seed: of its events.
  init(
    _ operations: [RingOperation],
    segmentByteCount: Int = RingRun.segmentByteCount,
    segmentCountMax: Int = RingRun.segmentCountMax,
    seed: UInt64 = 1
  ) {
    run = RingRun(
      seed: seed,
      configuration: RingRun.configuration(
        segmentCountMax: segmentCountMax,
        segmentByteCount: segmentByteCount
      )
    )
    for operation in operations { try? run.perform(operation) }
    disk = run.disk.fork()
    for name in disk.fileNames {
      guard let inode = disk.names[name] else { continue }
      let isState = name.hasSuffix("/state")
      let slot = inode.durable.count / 2
      files.append(
        File(
          name: name,
          bytes: inode.durable,
          blocks: isState ? [] : Self.blocks(in: inode.durable.bytes, name: name),
          parts: isState ? [0..<4096, slot..<slot + 4096] : [0..<inode.durable.count]
        )
      )
    }
    setCopiesAside()
  }

  /// A hot file that was sealed holds nothing that counts, as long as the sealed one is there.
  private func setCopiesAside() {
    let sealed = files.filter { $0.name.contains("sealed-") }.compactMap { file in
      file.blocks.first.map { $0.first..<(file.blocks.last?.end ?? $0.end) }
    }
    for index in files.indices where files[index].name.contains("hot-") {
      guard let first = files[index].blocks.first?.first,
        sealed.contains(where: { $0.contains(first) })
      else { continue }
      copied += files[index].blocks.map { $0.first..<$0.end }
      files[index].blocks = []
    }
  }

  /// Numbers that a recycled hot file still holds beside a sealed one.
  private var copied: [Range<SequenceNumber>] = []

  /// Bytes that are worth damaging.
  var byteCount: Int {
    files.reduce(0) { $0 + $1.parts.reduce(0) { $0 + $1.count } }
  }

  /// The file and offset of the byte at `place` among those worth damaging.
  func byte(at place: Int) -> (file: Int, offset: Int)? {
    var rest = place
    for (index, file) in files.enumerated() {
      for part in file.parts {
        if rest < part.count { return (index, part.lowerBound + rest) }
        rest -= part.count
      }
    }
    return nil
  }

  /// The blocks of the file's latest life.
  private static func blocks(in bytes: [UInt8], name: String) -> [Block] {
    let number = { (offset: Int, count: Int) in
      (0..<count).reduce(UInt64(0)) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
    }
    var blocks: [Block] = []
    var offset = 0
    while offset + 128 <= bytes.count {
      guard bytes[offset..<offset + 4].elementsEqual("HFB1".utf8),
        name.contains("sealed-") || number(offset + 16, 8) == number(16, 8)
      else {
        offset += 4096
        continue
      }
      let payload = Int(number(offset + 8, 4))
      let first = number(offset + 40, 8)
      blocks.append(
        Block(
          range: offset..<offset + 128 + payload,
          first: first,
          end: first + number(offset + 48, 4),
          isChainStart: bytes[offset + 7] & 1 == 1
        )
      )
      offset += (128 + payload + 4095) / 4096 * 4096
    }
    return blocks
  }

  /// The numbers that can't be read any more when a file has become `bytes`: those of each block
  /// that differs, and of the rest of its chain; nil: the file is gone.
  func cost(_ file: Int, _ bytes: SparseBytes?) -> [Range<SequenceNumber>] {
    let original = files[file]
    let isGone = bytes.map { $0.count < 4096 } ?? true
    // Without the sealed file the hot one counts again.
    if isGone && original.name.contains("sealed-"),
      original.blocks.allSatisfy({ block in block.hasCopy(in: copied) })
    {
      return []
    }
    var lost: [Range<SequenceNumber>] = []
    var isLost = false
    for block in original.blocks {
      // What is shorter than one block is removed.
      let isWhole =
        !isGone && bytes.map { original.bytes.isEqual(to: $0, in: block.range) } ?? false
      isLost = !isWhole || isLost && !block.isChainStart
      guard isLost else { continue }
      if let last = lost.last, last.upperBound == block.first {
        lost[lost.count - 1] = last.lowerBound..<block.end
      } else {
        lost.append(block.first..<block.end)
      }
    }
    return lost
  }

  /// Starts on the ring with one file replaced or, for nil, gone.
  func problem(_ file: Int, _ bytes: SparseBytes?, _ figures: inout ExplorerFigures) -> String? {
    let damaged = disk.fork()
    let name = files[file].name
    if let bytes {
      damaged.setContents(name, bytes)
    } else {
      damaged.removeForGood(name)
    }
    var expectation = Expectation(
      before: run.history,
      after: run.history,
      byteCountMax: run.configuration.byteCountMax
    )
    expectation.cursorMin = 1
    if name.hasSuffix("/state") {
      // The other slot may be older.
      expectation.acknowledgedDropCount = 0
    }
    var check = RecoveryCheck(run.history, expectation, run.configuration, contexts)
    check.damage = cost(file, bytes)
    let problem = check.problem(on: damaged)
    figures.note(check.steps, check.reasons)
    figures.caseCount += 1
    figures.counts["events lost", default: 0] +=
      check.damage.map { damage in
        damage.reduce(0) { $0 + $1.count }
      } ?? 0
    return problem
  }
}
