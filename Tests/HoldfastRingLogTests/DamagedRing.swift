import HoldfastEvent
import HoldfastRingLog
import HoldfastSimulation

/// A small ring as it lies on disk, and what every reader of it must see or be told is missing.
struct DamagedRing {
  var files: [String: [UInt8]] = [:]
  var expected: [SequenceNumber: [UInt8]] = [:]
  let configuration: RingConfiguration
  private(set) var faults: [String] = []
  private(set) var caseCount = 0

  /// - Parameters:
  ///   - commitCount: commits of ten events; 24 of them fill a segment.
  ///   - isClosed: whether it was stopped in order.
  /// - Throws: when the ring can't be written.
  init(commitCount: Int, isClosed: Bool) throws {
    let fixture = LogFixture(byteCountMax: 3 << 20, chainByteCount: 2 << 10)
    configuration = fixture.configuration
    for _ in 0..<commitCount {
      try fixture.ring.append(fixture.batch(10), source: 0, now: fixture.now)
      try fixture.ring.commit(now: fixture.now)
      while fixture.ring.work(now: fixture.now) {}
    }
    if isClosed { try fixture.ring.close(now: fixture.now) }
    expected = fixture.readAll().events
    for name in fixture.disk.fileNames { files[name] = fixture.disk.contents(name) }
  }

  /// Bytes of a file that are not the zeros at its end, in whole blocks.
  func usedByteCount(_ name: String) -> Int {
    guard let bytes = files[name], let last = bytes.lastIndex(where: { $0 != 0 }) else { return 0 }
    return min(bytes.count, (last / 4096 + 1) * 4096)
  }

  /// Starts on the ring with one file replaced, reads all, appends and reads that.
  ///
  /// - Returns: how many of the events are missing.
  @discardableResult
  mutating func check(_ name: String, _ bytes: [UInt8]?, _ what: @autoclosure () -> String) -> Int {
    caseCount += 1
    let disk = SimulatedDisk(seed: 1)
    for (file, contents) in files where file != name { disk.setContents(file, contents) }
    if let bytes { disk.setContents(name, bytes) }
    let now = ClockReading(boot: 1_000_000, wall: 1_700_000_000_000_000)
    var ring = LogFixture.open(disk, configuration, ["central"], now, bootID: 2)
    let (missing, fault) = read(&ring, now)
    if let fault { note(fault, what()) }
    if ring.isFailing { note("fails", what()) }
    var more = EventBatch()
    for index in 0..<3 {
      more.append(topic: Array("new".utf8), payload: [UInt8(index)], clock: now)
    }
    let first = ring.next
    if first <= expected.count { note("number \(first) is given out again", what()) }
    do {
      try ring.append(more, source: 0, now: now)
      try ring.commit(now: now)
    } catch {
      note("append: \(error)", what())
    }
    guard case .events(let batch, let row) = ring.read(0, from: first, passedGaps: 0, now: now),
      row == 0, images(of: batch.events) == images(of: more)
    else {
      note("what was appended can't be read", what())
      return missing
    }
    return missing
  }

  private mutating func note(_ fault: String, _ what: String) {
    if faults.count < 5 { faults.append("\(what): \(fault)") }
  }

  private func read(_ ring: inout RingLog, _ now: ClockReading) -> (missing: Int, fault: String?) {
    var position: SequenceNumber = 1
    var passed = 0
    var missing = 0
    for _ in 0..<10_000 {
      switch ring.read(0, from: position, passedGaps: passed, now: now) {
      case .end:
        let isWhole = position > expected.count
        return (missing, isWhole ? nil : "ends before \(position) with no word of the rest")
      case .gap(let gap):
        if !gap.reason.coversNumbers {
          passed += 1
          continue
        }
        if gap.first != position || gap.end <= position { return (missing, "gap \(gap)") }
        let known = min(gap.end, UInt64(expected.count) + 1)
        if position < known { missing += Int(known - position) }
        position = gap.end
        passed = 0
      case .events(let batch, let row):
        for (offset, image) in images(of: batch.events).enumerated() where offset >= row {
          let number = batch.first + UInt64(offset)
          if expected[number] != image { return (missing, "event \(number) is wrong") }
        }
        position = batch.end
        passed = 0
      }
    }
    return (missing, "reads without end")
  }
}
