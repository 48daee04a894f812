import HoldfastEvent
import HoldfastLink
import HoldfastSimulation
import HoldfastUpstream
import Testing

@testable import HoldfastReplay
@testable import HoldfastRingLog

/// A range once more: exactly it, marked, accounted for, whatever happens meanwhile.
@Suite struct ReplayTests {
  /// Each message is an event of the log, byte for byte, with its identity and the mark.
  private func check(_ taken: [Peer.Message], of bench: Bench) throws {
    for message in taken {
      let number = try #require(message.number)
      let event = try #require(bench.stored[number])
      #expect(message.topic == event.topic && message.payload == event.payload)
      #expect(message.properties["replay"] == "true")
      #expect(message.properties["agent"] == "edge")
      #expect(message.properties["log"] == Bench.log.description)
    }
  }

  @Test func `a range by number is sent once, whole, in order, and the log stays as it was`() throws
  {
    let bench = Bench()
    try bench.store(3000)
    try bench.ring.saveState(now: bench.now)
    let before = (bench.disk.writtenByteCount, bench.disk.syncCount)
    let peer = try Peer(bench.configuration(1001..<2001), on: bench.disk)
    try peer.run()
    try check(peer.taken, of: bench)
    #expect(peer.taken.compactMap(\.number) == Array(1001...2000))
    let account = peer.replay.account
    #expect(account.isComplete && account.isBalanced && account.delivered == 1000)
    #expect(bench.disk.writtenByteCount == before.0 && bench.disk.syncCount == before.1)
  }

  @Test func `a range by time reaches from its first event to its last`() throws {
    let bench = Bench()
    let start = bench.now.wall
    try bench.store(1000)
    // The clock is set back by an hour, and right again later.
    bench.now.wall -= 3600 * microsecondsPerSecond
    try bench.store(200)
    bench.now.wall += 3600 * microsecondsPerSecond
    try bench.store(1000)
    let ring = try RingInspection(disk: bench.disk)
    func numbers(_ from: Int64, _ to: Int64?) -> Range<SequenceNumber> {
      ReplayRange(
        in: ring,
        from: .time(start + from * 10_000),
        to: to.map { .time(start + $0 * 10_000) }
      ).numbers
    }
    #expect(numbers(100, 300) == 101..<301)
    // What arrived between, by whatever clock, belongs to it.
    #expect(numbers(900, 1300) == 901..<1301)
    #expect(numbers(900, nil) == 901..<2201)
    #expect(numbers(1_000_000, nil).isEmpty)
    #expect(numbers(-500, 10) == 1..<11)
    let mixed = ReplayRange(in: ring, from: .number(50), to: .time(start + 100 * 10_000))
    // By the clock that was set back, these were the last ones before that time.
    #expect(mixed.numbers == 50..<1201)
  }

  @Test func `a range that begins before the ring says so`() throws {
    let bench = Bench(byteCountMax: 5 << 20)
    let start = bench.now.wall
    try bench.store(20_000)
    let ring = try RingInspection(disk: bench.disk)
    #expect(ring.oldest > 1)
    let range = ReplayRange(in: ring, from: .time(start), to: nil)
    #expect(range.numbers.lowerBound == ring.oldest)
    #expect(range.oldestWall == start + Int64(ring.oldest - 1) * 10_000)
    // By number, what is gone is counted and named.
    let peer = try Peer(bench.configuration(1..<ring.oldest + 100), on: bench.disk)
    try peer.run()
    let account = peer.replay.account
    #expect(account.goneRanges == [1..<ring.oldest] && account.gone == ring.oldest - 1)
    #expect(account.delivered == 100 && account.isBalanced && account.isComplete)
    try check(peer.taken.filter { $0.number != nil }, of: bench)
  }

  @Test func `gap records of the range are sent too, marked`() throws {
    let bench = Bench()
    try bench.store(100)
    bench.ring.mark(.diskFailed, count: 5, now: bench.now)
    try bench.store(100)
    try bench.ring.saveState(now: bench.now)
    let peer = try Peer(bench.configuration(1..<201), on: bench.disk)
    try peer.run()
    let gaps = peer.taken.filter { $0.number == nil }
    #expect(gaps.count == 1 && gaps[0].properties["gap"] == "disk-failed")
    #expect(gaps[0].properties["replay"] == "true")
    #expect(String(decoding: gaps[0].payload, as: UTF8.self).hasSuffix(#","replay":true}"#))
    #expect(peer.replay.account.delivered == 200 && peer.replay.account.isBalanced)
  }

  @Test func `what the agent recycles meanwhile ends as gone, never as wrong data`() throws {
    var goneCount = 0
    for seed in 0..<6 as Range<UInt64> {
      let bench = Bench(seed: seed, byteCountMax: 4 << 20)
      try bench.store(9000)
      let ring = try RingInspection(disk: bench.disk)
      let numbers = ring.oldest..<ring.end
      let peer = try Peer(
        bench.configuration(numbers) { $0.inFlightMax = 3 },
        on: bench.disk,
        seed: seed
      )
      // The agent writes far more than the replay reads: hot files are written over in place.
      peer.between = { if bench.random.next() % 8 == 0 { try bench.store(100) } }
      try peer.run()
      let account = peer.replay.account
      #expect(account.isComplete && account.isBalanced, "seed \(seed): \(account)")
      let sent = peer.taken.compactMap(\.number)
      try check(peer.taken.filter { $0.number != nil }, of: bench)
      #expect(sent == sent.sorted() && Set(sent).count == sent.count)
      #expect(UInt64(sent.count) == account.delivered)
      for range in account.goneRanges { #expect(!sent.contains { range.contains($0) }) }
      goneCount += account.gone > 0 ? 1 : 0
    }
    #expect(goneCount > 3)
  }

  @Test func `links that break cost repetitions of what was in flight, nothing else`() throws {
    for seed in 0..<20 as Range<UInt64> {
      let bench = Bench(seed: seed)
      try bench.store(2000, payloadByteCount: 60)
      let peer = try Peer(bench.configuration(1..<2001), on: bench.disk, seed: seed)
      peer.answer = { _ in bench.random.next() % 300 == 0 ? nil : 0 }
      try peer.run()
      let account = peer.replay.account
      #expect(account.isComplete && account.isBalanced && account.delivered == 2000)
      try check(peer.taken, of: bench)
      #expect(Set(peer.taken.compactMap(\.number)) == Set(1...2000))
      // Order per topic, leaving repetitions out.
      var latest: [[UInt8]: SequenceNumber] = [:]
      var seen: Set<SequenceNumber> = []
      for message in peer.taken {
        guard let number = message.number, seen.insert(number).inserted else { continue }
        #expect(number > latest[message.topic] ?? 0)
        latest[message.topic] = number
      }
    }
  }

  @Test func `one that is stopped says where to go on, and the two are the whole`() throws {
    let bench = Bench()
    try bench.store(2000)
    let first = try Peer(bench.configuration(1..<2001), on: bench.disk)
    try first.run(rounds: 9)
    let account = first.replay.account
    #expect(!account.isComplete && account.isBalanced && account.position > 1)
    let second = try Peer(bench.configuration(account.position..<2001), on: bench.disk)
    try second.run()
    #expect(second.replay.account.delivered + account.delivered == 2000)
    let numbers = (first.taken + second.taken).compactMap(\.number)
    #expect(Set(numbers) == Set(1...2000))
  }

  @Test func `what is refused for good is counted and named, and the rest goes on`() throws {
    let bench = Bench()
    try bench.store(300)
    let peer = try Peer(bench.configuration(1..<301), on: bench.disk)
    peer.answer = { $0.number == 77 ? 0x87 : 0 }
    try peer.run()
    let account = peer.replay.account
    #expect(account.refused == 1 && account.delivered == 299 && account.isBalanced)
    #expect(peer.replay.refusals.map(\.first) == [77])
  }

  @Test func `topics that the upstream does not take are filtered`() throws {
    let bench = Bench()
    try bench.store(700)
    let configuration = bench.configuration(1..<701) {
      $0.topics = [TopicFilter("hall/3")].compactMap { $0 }
    }
    let peer = try Peer(configuration, on: bench.disk)
    try peer.run()
    let account = peer.replay.account
    let expected = bench.stored.values.count { $0.topic == Array("hall/3".utf8) }
    #expect(account.delivered == UInt64(expected) && account.isBalanced)
    #expect(account.filtered == UInt64(700 - expected))
    let survey = ReplaySurvey(
      of: 1..<701,
      in: try RingInspection(disk: bench.disk),
      for: configuration.upstream
    )
    #expect(survey.eventCount == account.delivered && survey.filteredCount == account.filtered)
  }

  @Test func `where nothing can mark it, it does not go unless told to`() throws {
    let bench = Bench()
    try bench.store(10)
    var configuration = bench.configuration(1..<11)
    let peer = try Peer(configuration, on: bench.disk)
    peer.version = .v311
    try peer.run()
    #expect(peer.replay.failure == .unmarkable && peer.taken.isEmpty)
    configuration.mayGoUnmarked = true
    let other = try Peer(configuration, on: bench.disk)
    other.version = .v311
    try other.run()
    #expect(other.replay.account.delivered == 10)
    // Batches bear the mark in each event.
    let batches = try Peer(
      bench.configuration(1..<11) {
        $0.format = .ndjson
        $0.topicTemplate = "batches"
      },
      on: bench.disk
    )
    batches.version = .v311
    try batches.run()
    #expect(batches.replay.failure == nil && batches.replay.account.delivered == 10)
  }

  @Test(arguments: [MessageFormat.ndjson, .json, .lines])
  func `each event of a batch bears the mark, and the batch does`(format: MessageFormat) throws {
    let bench = Bench()
    try bench.store(250, payloadByteCount: 5)
    let peer = try Peer(
      bench.configuration(1..<251) {
        $0.format = format
        $0.topicTemplate = "batches"
        $0.batchEventCountMax = 100
      },
      on: bench.disk
    )
    try peer.run()
    #expect(peer.taken.count == 3)
    let mark = format == .lines ? ",replay=true" : #","replay":true"#
    var count = 0
    for message in peer.taken {
      #expect(message.properties["replay"] == "true")
      count += String(decoding: message.payload, as: UTF8.self).split(separator: mark).count - 1
    }
    #expect(count == 250)
  }
}
