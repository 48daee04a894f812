import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import Testing

@Suite struct GroupCommitTests {
  private let interval: Int64 = 250_000

  @Test func theFirstEventAfterAQuietSpellCommitsAtOnce() {
    var commit = GroupCommit(interval: interval)
    #expect(append(&commit, at: 5_000_000))
    commit.committed(now: 5_000_000)
    #expect(append(&commit, at: 5_000_000 + interval))
  }

  @Test func underLoadThereIsOneCommitPerInterval() {
    var commit = GroupCommit(interval: interval)
    var commitCount = 0
    for time in stride(from: Int64(0), to: 10_000_000, by: 1_000) {
      if append(&commit, at: time) {
        commit.committed(now: time)
        commitCount += 1
      }
    }
    #expect(commitCount == 40)
  }

  @Test func muchPendingOrAHalfUsedWindowCommitsEarly() {
    var commit = GroupCommit(interval: interval)
    commit.committed(now: 0)
    #expect(!append(&commit, at: 1))
    #expect(append(&commit, at: 2, pending: GroupCommit.pendingByteCountMax))
    #expect(append(&commit, at: 3, isHalf: true))
  }

  @Test func whatIsPendingWakesTheOwnerInTime() {
    var commit = GroupCommit(interval: interval)
    #expect(commit.wakeAt == nil)
    commit.committed(now: 1_000)
    #expect(!append(&commit, at: 2_000))
    #expect(commit.wakeAt == 1_000 + interval)
    #expect(!commit.isDue(now: interval) && commit.isDue(now: 1_000 + interval))
  }

  @Test func eventsAtQoS0AreWrittenWithin100Milliseconds() {
    var commit = GroupCommit(interval: interval)
    commit.committed(now: 0)
    #expect(!append(&commit, at: 1_000, hasQoS0: true))
    #expect(!append(&commit, at: 50_000, hasQoS0: true))
    #expect(commit.wakeAt == 101_000)
    #expect(commit.isWriteDue(now: 101_000) && !commit.isWriteDue(now: 100_999))
    commit.written()
    #expect(commit.wakeAt == interval)
  }

  private func append(
    _ commit: inout GroupCommit,
    at time: Int64,
    pending: Int = 100,
    isHalf: Bool = false,
    hasQoS0: Bool = false
  ) -> Bool {
    commit.appended(
      now: time,
      pendingByteCount: pending,
      isWindowHalfUsed: isHalf,
      hasQoS0: hasQoS0
    )
  }
}

@Suite struct RedeliveryTests {
  private func batch(_ payloads: [String], flags: EventFlags = .qos1) -> EventBatch {
    var events = EventBatch()
    for payload in payloads {
      events.append(
        topic: Array("sensors/a-long-topic-name".utf8),
        payload: Array(payload.utf8),
        clock: ClockReading(boot: 0, wall: 0),
        flags: flags
      )
    }
    return events
  }

  private func marks(_ events: EventBatch) -> [Bool] {
    events.rows.map { $0.flags.contains(.possiblyRedelivered) }
  }

  @Test func nothingIsMarkedWhileTheLinkHolds() {
    var redelivery = Redelivery()
    var events = batch(["1", "1", "1"])
    #expect(redelivery.examine(&events) == 0)
  }

  @Test func afterALostLinkRepetitionsAreMarkedOnceEach() {
    var redelivery = Redelivery()
    var first = batch(["1", "2", "2", "3"])
    redelivery.examine(&first)
    redelivery.linkLost()
    var again = batch(["2", "2", "2", "3", "4"])
    #expect(redelivery.examine(&again) == 3)
    #expect(marks(again) == [true, true, false, true, false])
  }

  @Test func whatComesLongAfterTheReconnectIsNew() {
    var redelivery = Redelivery()
    var first = batch(["1", "2"])
    redelivery.examine(&first)
    redelivery.linkLost()
    var fresh = batch(["a", "b", "c", "d"])
    redelivery.examine(&fresh)
    var late = batch(["1", "2"])
    #expect(redelivery.examine(&late) == 0)
  }

  @Test func eventsAtQoS0AreNeverRedelivered() {
    var redelivery = Redelivery()
    var first = batch(["1"])
    redelivery.examine(&first)
    redelivery.linkLost()
    var again = batch(["1"], flags: [])
    #expect(redelivery.examine(&again) == 0)
  }

  @Test func memoryIsBounded() {
    var redelivery = Redelivery()
    for start in stride(from: 0, to: Redelivery.countMax + 5_000, by: 1_000) {
      var events = batch((start..<start + 1_000).map { "\($0)" })
      redelivery.examine(&events)
    }
    redelivery.linkLost()
    var oldest = batch(["0"])
    #expect(redelivery.examine(&oldest) == 0)
    var latest = batch(["\(Redelivery.countMax + 4_000)"])
    #expect(redelivery.examine(&latest) == 1)
  }
}

@Suite struct IntakeTests {
  private func intake() throws -> Intake {
    let filter = try #require(TopicFilter("sensors/#"))
    var configuration = SourceConfiguration(
      name: "floor",
      link: LinkConfiguration(host: "127.0.0.1", port: 1883),
      topics: [filter]
    )
    configuration.link.keepAliveSeconds = 60
    return Intake(configuration: configuration, seed: 1)
  }

  @Test func halfTheWindowDependsOnTheProtocol() throws {
    var intake = try intake()
    intake.connected(SessionGrant(protocolVersion: .v311, isSessionPresent: true))
    intake.received(9, heldUntil: 10, now: 0)
    #expect(!intake.isWindowHalfUsed)
    intake.received(1, heldUntil: 11, now: 0)
    #expect(intake.isWindowHalfUsed)
    intake.released()
    intake.connected(SessionGrant(protocolVersion: .v5, isSessionPresent: true))
    intake.received(499, heldUntil: 500, now: 0)
    #expect(!intake.isWindowHalfUsed)
    intake.received(1, heldUntil: 501, now: 0)
    #expect(intake.isWindowHalfUsed)
  }

  @Test func waitingEndsAtHalfAKeepAlive() throws {
    var intake = try intake()
    #expect(intake.waitEndsAt == nil)
    intake.received(1, heldUntil: 2, now: 1_000_000)
    #expect(intake.waitEndsAt == 31_000_000)
    intake.readOn()
    #expect(intake.waitEndsAt == nil)
    #expect(intake.heldCount == 1)
  }

  @Test func aLostLinkForgetsWhatWasHeld() throws {
    var intake = try intake()
    intake.connected(SessionGrant(protocolVersion: .v5, isSessionPresent: true))
    intake.received(5, heldUntil: 6, now: 0)
    intake.closed()
    #expect(intake.heldCount == 0 && intake.waitingSince == nil && intake.grant == nil)
  }
}
