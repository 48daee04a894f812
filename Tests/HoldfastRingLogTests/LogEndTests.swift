import HoldfastEvent
import HoldfastSimulation
import Testing

@testable import HoldfastRingLog

/// Where the log ends after an unclean stop, and what of it is lost, unused, or to be had.
@Suite struct LogEndTests {
  /// Flips a byte at `offset` in block `index` of the only hot file, each block being 4 KiB.
  private func damage(_ fixture: LogFixture, block index: Int, at offset: Int) throws {
    let name = try #require(
      fixture.disk.fileNames.first {
        $0.hasPrefix("ring/hot-") && (fixture.disk.contents($0)?.first ?? 0) != 0
      }
    )
    var bytes = try #require(fixture.disk.contents(name))
    bytes[index * Format.alignment + offset] ^= 0x10
    fixture.disk.setContents(name, bytes)
  }

  /// Ten commits of ten events in one chain, none of them in the saved state.
  @Test(arguments: 0..<10, [20, 140])
  func `an unsaved event behind damage is lost, not unused`(block: Int, offset: Int) throws {
    let fixture = LogFixture()
    try fixture.commit(10, times: 10)
    fixture.disk.kill()
    try damage(fixture, block: block, at: offset)
    fixture.reopen()
    let (events, gaps) = fixture.readAll()
    let readable = UInt64(block * 10)
    #expect(Set(events.keys) == Set(1..<1 + readable))
    // Nothing is known of the last block once it is damaged: it may never have been synced.
    let known: UInt64 = block == 9 ? 90 : 100
    let lost = gaps.filter { $0.reason == .corrupt }
    #expect(lost.reduce(0) { $0 + ($1.count ?? 0) } == known - readable)
    #expect(lost.allSatisfy { $0.end <= known + 1 })
    let unused = gaps.filter { $0.reason == .unused }
    #expect(unused.map(\.first) == [known + 1])
    let ledger = fixture.ring.upstream(0)
    #expect(ledger.offered == known)
    #expect(fixture.ring.pendingLoss(0)[LossReason.corrupt.rawValue] == known - readable)
  }

  @Test func `a commit torn by a power cut is no loss`() throws {
    for seed in 0..<200 as Range<UInt64> {
      let fixture = LogFixture(seed: seed, chainByteCount: 2 << 10)
      try fixture.commit(10, times: 3)
      // Several blocks in one commit, of which any part reaches the disk.
      try fixture.ring.append(
        fixture.batch(200, payloadByteCount: 100),
        source: 0,
        now: fixture.now
      )
      try fixture.ring.writeThrough(now: fixture.now)
      fixture.disk.crash()
      fixture.reopen()
      let (events, gaps) = fixture.readAll()
      #expect(events.count >= 30)
      #expect(gaps.allSatisfy { $0.reason == .unused }, "seed \(seed)")
    }
  }

  @Test func `the start finds the latest events across segments`() throws {
    let fixture = LogFixture(byteCountMax: 3 << 20)
    var hashes: [UInt64] = []
    for _ in 0..<100 {
      let events = fixture.batch(200, payloadByteCount: 20)
      hashes += events.rows.map { events.contentHash($0) }
      try fixture.ring.append(events, source: 0, now: fixture.now)
      try fixture.ring.commit(now: fixture.now)
      fixture.workAll()
    }
    let segmentCount = fixture.ring.segmentSizes.count
    #expect(segmentCount > 3)
    fixture.disk.kill()
    fixture.reopen()
    let found = fixture.ring.recovered.map(\.hash)
    #expect(found.count == 16_384)
    #expect(found == hashes.suffix(found.count))
  }

  @Test func `the start finds what stands just before the newest segment`() throws {
    let fixture = LogFixture(byteCountMax: 3 << 20)
    try fixture.commit(10, times: 24)
    try fixture.commit(1)
    let segmentCount = fixture.ring.segmentSizes.count
    #expect(segmentCount == 2)
    fixture.disk.kill()
    fixture.reopen()
    #expect(fixture.ring.recovered.count == 241)
  }

  /// The file that could not be written can't be removed either, and is there at the next start.
  @Test func `what was written once more is not hidden by the file that failed`() throws {
    for seed in 0..<20 as Range<UInt64> {
      let fixture = LogFixture(seed: seed, byteCountMax: 4 << 20)
      try fixture.commit(1, times: 10)
      let events = fixture.batch(120, payloadByteCount: 3_000)
      try fixture.ring.append(events, source: 0, now: fixture.now)
      var failures = 1
      fixture.disk.fault = { operation, name in
        if operation == .remove && name.contains("hot-") { return Errno.inputOutput }
        guard operation == .sync, name.contains("hot-"), failures > 0 else { return nil }
        failures -= 1
        return Errno.inputOutput
      }
      try fixture.ring.commit(now: fixture.now)
      fixture.disk.fault = nil
      try fixture.ring.saveState(now: fixture.now)
      fixture.disk.crash()
      fixture.reopen()
      let (read, gaps) = fixture.readAll()
      #expect((11...130).map { read[$0] } == images(of: events), "seed \(seed)")
      #expect(gaps.allSatisfy { $0.reason == .unused }, "seed \(seed): \(gaps)")
    }
  }

  @Test func `a rotten slot does not take the log back to the last orderly stop`() throws {
    for slot in 0..<2 {
      let fixture = LogFixture()
      try fixture.commit(5)
      try fixture.ring.close(now: fixture.now)
      fixture.reopen()
      try fixture.commit(5, times: 20)
      fixture.disk.kill()
      var state = try #require(fixture.disk.contents("ring/state"))
      state[slot * State.slotByteCount + 40] ^= 1
      fixture.disk.setContents("ring/state", state)
      fixture.reopen()
      #expect(fixture.readAll().events.count == 105, "slot \(slot)")
      #expect(fixture.readAll().gaps.allSatisfy { $0.reason == .unused })
    }
  }
}

/// A start without any readable state.
@Suite struct LostStateTests {
  private func loseState(_ fixture: LogFixture) {
    fixture.disk.kill()
    fixture.disk.setContents("ring/state", [UInt8](repeating: 0xff, count: State.fileByteCount))
    fixture.reopen(newLog: LogID(high: 5, low: 5))
  }

  @Test func `free files make no gap`() throws {
    let fixture = LogFixture(byteCountMax: 3 << 20)
    // Five files, of which two are kept for later; then one of these is used over and over.
    try fixture.commit(10, times: 110)
    for _ in 0..<200 {
      fixture.deliverAll()
      fixture.workAll()
      try fixture.commit(10)
    }
    let first = fixture.ring.next
    try fixture.commit(10, times: 6)
    let hot = fixture.disk.fileNames.filter { $0.contains("hot-") }
    try #require(hot.count >= 3)
    loseState(fixture)
    #expect(fixture.ring.log.contains { $0.message.contains("was free") })
    let (events, gaps) = fixture.readAll(from: fixture.ring.lowestCursor)
    #expect((first..<first + 60).allSatisfy { events[$0] != nil })
    #expect(gaps.allSatisfy { $0.reason == .unused })
    #expect(fixture.ring.pendingLoss(0).allSatisfy { $0 == 0 })
  }

  @Test func `unclean stops make no gap, and everything stays`() throws {
    let fixture = LogFixture()
    for _ in 0..<5 {
      try fixture.commit(10, times: 20)
      fixture.disk.kill()
      fixture.reopen()
    }
    try fixture.commit(10)
    loseState(fixture)
    let (events, gaps) = fixture.readAll(from: fixture.ring.lowestCursor)
    #expect(events.count == 1_010)
    #expect(gaps.allSatisfy { $0.reason == .unused })
  }

  @Test func `a sealed file that has gone is a gap, and what stands before it is kept`() throws {
    let fixture = LogFixture(byteCountMax: 3 << 20)
    for _ in 0..<100 {
      try fixture.commit(10, times: 4)
      fixture.workAll()
    }
    let sealed = fixture.disk.fileNames.filter { $0.contains("sealed-") }
    try #require(sealed.count > 5)
    let range = try #require(Segment.sealedRange(String(sealed[3].dropFirst(5))))
    try fixture.disk.remove(sealed[3])
    loseState(fixture)
    let (events, gaps) = fixture.readAll(from: 1)
    let count = range.upperBound - range.lowerBound
    #expect(UInt64(events.count) == 4_000 - count)
    let lost = gaps.filter { $0.reason == .corrupt }
    #expect(lost.map(\.first) == [range.lowerBound] && lost.map(\.count) == [count])
  }
}
