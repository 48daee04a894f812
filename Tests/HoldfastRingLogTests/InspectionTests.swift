import HoldfastEvent
import HoldfastSimulation
import Testing

@testable import HoldfastRingLog

/// Looking at a ring log from outside.
@Suite struct InspectionTests {
  @Test func `nothing there is said to be missing`() {
    #expect(throws: RingInspectionError.missing) {
      try RingInspection(disk: SimulatedDisk(seed: 1))
    }
  }

  @Test func `a stopped log shows what went in`() throws {
    let fixture = LogFixture()
    let events = fixture.batch(300)
    try fixture.ring.append(events, source: 0, now: fixture.now)
    try fixture.ring.close(now: fixture.now)
    let ring = try RingInspection(disk: fixture.disk)
    #expect(read(ring) == images(of: events))
    let account = try #require(ring.account)
    #expect(account.isClean && account.durable == 300 && account.sources[0].stored == 300)
    #expect(ring.segmentSummaries.map(\.eventCount) == [300])
    #expect(ring.segmentSummaries.map(\.end) == [301])
    let result = ring.verify(isLive: false)
    #expect(result.isGood && result.eventCount == 300 && result.upstreams[0].buffered == 300)
  }

  @Test func `looking writes nothing, whatever it finds`() throws {
    let fixture = LogFixture()
    try fixture.fill(3000)
    fixture.disk.kill()
    try fixture.damage(hot: 0, at: 5 * Format.alignment + 300)
    let before = fixture.disk.fileNames.map { fixture.disk.contents($0) }
    let written = (fixture.disk.writtenByteCount, fixture.disk.syncCount)
    let ring = try RingInspection(disk: fixture.disk)
    _ = read(ring)
    _ = ring.verify(isLive: false)
    #expect(fixture.disk.fileNames.map { fixture.disk.contents($0) } == before)
    #expect(written == (fixture.disk.writtenByteCount, fixture.disk.syncCount))
  }

  @Test func `a killed agent's log verifies before it is started again`() throws {
    let fixture = LogFixture()
    try fixture.fill(2000)
    fixture.disk.kill()
    let ring = try RingInspection(disk: fixture.disk)
    let result = ring.verify(isLive: false)
    #expect(result.isGood && result.eventCount == 2000 && ring.end == 2001)
  }

  @Test func `damage that no record names is found, with its range`() throws {
    let fixture = LogFixture()
    try fixture.fill(2000)
    try fixture.ring.close(now: fixture.now)
    let whole = try RingInspection(disk: fixture.disk)
    #expect(whole.verify(isLive: false).isGood)
    try fixture.damage(hot: 0, at: 3 * Format.alignment + Format.headerByteCount + 20)
    let result = try RingInspection(disk: fixture.disk).verify(isLive: false)
    #expect(!result.isGood && !result.isUnbalanced)
    let lost = result.unrecorded.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
    #expect(lost > 0 && lost < 2000 && result.eventCount + lost == 2000)
    #expect(result.upstreams[0].unreadable == lost)
    // The agent's start records it; then all is explained.
    fixture.reopen()
    _ = fixture.readAll()
    try fixture.ring.close(now: fixture.now)
    let recorded = try RingInspection(disk: fixture.disk).verify(isLive: false)
    #expect(recorded.isGood && recorded.upstreams[0].lostAhead == lost)
  }

  @Test func `damage that nobody needs any more is no fault`() throws {
    let fixture = LogFixture()
    try fixture.fill(2000)
    fixture.deliverAll()
    try fixture.ring.close(now: fixture.now)
    try fixture.damage(hot: 0, at: 3 * Format.alignment + Format.headerByteCount + 20)
    let result = try RingInspection(disk: fixture.disk).verify(isLive: false)
    #expect(result.isGood && result.unneededCount > 0)
  }

  @Test func `accounts that don't add up are a fault, but not beside a live agent`() throws {
    let fixture = LogFixture()
    try fixture.fill(100)
    var ledger = fixture.ring.upstream(0)
    ledger.cursor = 50
    ledger.delivered = 48
    fixture.ring.settle(0, ledger)
    try fixture.ring.close(now: fixture.now)
    let ring = try RingInspection(disk: fixture.disk)
    #expect(ring.verify(isLive: false).isUnbalanced)
    #expect(!ring.verify(isLive: false).isGood)
    #expect(ring.verify(isLive: true).isGood)
  }

  @Test func `without a readable state events can be read and verifying fails`() throws {
    let fixture = LogFixture()
    try fixture.fill(500)
    try fixture.ring.close(now: fixture.now)
    fixture.disk.setContents("ring/state", [UInt8](repeating: 7, count: State.fileByteCount))
    let ring = try RingInspection(disk: fixture.disk)
    #expect(ring.account == nil && read(ring).count == 500 && !ring.remarks.isEmpty)
    #expect(!ring.verify(isLive: false).isGood)
  }

  @Test func `a ring of a newer format is passed over`() throws {
    let fixture = LogFixture()
    try fixture.fill(10)
    try fixture.ring.close(now: fixture.now)
    fixture.disk.setContents(
      "ring/state",
      asNewerVersion(try #require(fixture.disk.contents("ring/state")))
    )
    #expect(throws: RingInspectionError.newer) { try RingInspection(disk: fixture.disk) }
    fixture.reopen()
    try fixture.fill(5)
    try fixture.ring.close(now: fixture.now)
    let ring = try RingInspection(disk: fixture.disk)
    #expect(ring.directory == "ring.1" && read(ring).count == 5)
  }

  @Test func `following sees each commit, across segments, once and in order`() throws {
    let fixture = LogFixture(byteCountMax: 64 << 20)
    try fixture.fill(10)
    let ring = try RingInspection(disk: fixture.disk)
    var position = ring.end
    #expect(position == 11)
    var numbers: [SequenceNumber] = []
    for _ in 0..<40 {
      let events = fixture.batch(400, payloadByteCount: 300)
      try fixture.ring.append(events, source: 0, now: fixture.now)
      try fixture.ring.commit(now: fixture.now)
      try ring.advance()
      reading: while true {
        switch ring.read(from: position, passedGaps: 0) {
        case .events(let batch, let row):
          numbers += batch.first + UInt64(row)..<batch.end
          position = batch.end
        case .end: break reading
        case let other:
          Issue.record("\(other)")
          break reading
        }
      }
      // Files are freed, and used again, only after they were read here.
      fixture.deliverAll()
      while fixture.ring.work(now: fixture.now) {}
    }
    #expect(numbers == Array(11...16_010))
    #expect(fixture.disk.fileNames.filter { $0.contains(".seg") }.count > 1)
  }

  @Test func `a writer that recycles, seals and evicts never makes a reader see wrong data`() throws
  {
    let fixture = LogFixture(byteCountMax: 12 << 20)
    var model: [SequenceNumber: [UInt8]] = [:]
    var position: SequenceNumber = 1
    var seen = 0
    var ring: RingInspection?
    for round in 0..<40 {
      let first = fixture.ring.next
      let events = fixture.batch(500, payloadByteCount: 900)
      for (index, image) in images(of: events).enumerated() { model[first + UInt64(index)] = image }
      try fixture.ring.append(events, source: 0, now: fixture.now)
      try fixture.ring.commit(now: fixture.now)
      if round % 7 == 3 { try fixture.ring.saveState(now: fixture.now) }
      while fixture.ring.work(now: fixture.now) {}
      // The picture is from the round before: files have moved since.
      guard let old = ring else {
        ring = try RingInspection(disk: fixture.disk)
        continue
      }
      // Slower than the writer, so that files go while it reads.
      switch old.read(from: position, passedGaps: 0) {
      case .events(let batch, let row):
        let stored = images(of: batch.events)
        let isSame = (row..<stored.count).allSatisfy {
          stored[$0] == model[batch.first + UInt64($0)]
        }
        #expect(isSame, "\(batch.first)..<\(batch.end)")
        seen += stored.count - row
        position = batch.end
      case .gap(let gap): position = gap.end
      case .released(let next): position = next
      case .unreadable(let next):
        Issue.record("\(position)..<\(next) in round \(round)")
        position = next
      case .end: break
      }
      if round % 16 == 0 { try old.advance() }
    }
    #expect(seen > 1000)
    #expect(fixture.ring.gaps.contains { $0.reason == .evicted }, "nothing was evicted")
  }

  private func read(_ ring: RingInspection) -> [[UInt8]] {
    var all: [[UInt8]] = []
    var position: SequenceNumber = 1
    while true {
      switch ring.read(from: position, passedGaps: 0) {
      case .end: return all
      case .gap(let gap): position = max(gap.end, position + 1)
      case .released(let next), .unreadable(let next): position = next
      case .events(let batch, let row):
        all += images(of: batch.events)[row...]
        position = batch.end
      }
    }
  }
}

extension LogFixture {
  /// Stores events, a commit every hundred.
  fileprivate func fill(_ count: Int) throws {
    var rest = count
    while rest > 0 {
      try ring.append(batch(min(rest, 100)), source: 0, now: now)
      try ring.commit(now: now)
      rest -= 100
    }
  }

  /// Flips a byte of the hot file that stands at `index` by name.
  fileprivate func damage(hot index: Int, at offset: Int) throws {
    let name = disk.fileNames.filter { $0.hasPrefix("ring/hot-") }[index]
    var bytes = try #require(disk.contents(name))
    bytes[offset] ^= 0x10
    disk.setContents(name, bytes)
  }
}
