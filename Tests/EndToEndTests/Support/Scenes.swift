import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastStatus
import HoldfastUpstream

/// States of an agent as its page shows them, made without one.
enum Scene: String, CaseIterable {
  case fine, outage, full, degraded, clock

  private static let second = microsecondsPerSecond
  /// When the agent started, and how long ago: a day and five hours.
  private static let start: Int64 = 1000 * second
  private static let age: Int64 = 104_400 * second
  /// 2026-03-14 15:09:26 UTC.
  private static let wall: Int64 = 1_773_500_966 * second

  /// Made once: it goes through a day.
  func report() -> StatusReport {
    let end = ClockReading(
      boot: Self.start + Self.age,
      wall: self == .clock ? 47 * Self.second : Self.wall
    )
    var observer = Observer(
      configuration: configuration,
      version: "0.2.0",
      now: at(Self.start, end)
    )
    links(&observer, end)
    traffic(&observer, end)
    for line in lines { observer.note(line.entry, now: at(end.boot - line.ago, end)) }
    var report = observer.report(picture(0, end), disk: disk(0, end), now: end)
    report.machine = machine
    return report
  }

  /// An instant of the boot clock, `end` being one of the same run.
  private func at(_ boot: Int64, _ end: ClockReading) -> ClockReading {
    ClockReading(boot: boot, wall: end.wall - end.boot + boot)
  }

  private var configuration: AgentConfiguration {
    let floor = LinkConfiguration(host: "127.0.0.1", port: 1883)
    let central = LinkConfiguration(host: "broker.example.org", port: 8883)
    return AgentConfiguration(
      agentID: "gateway-7",
      sources: [SourceConfiguration(name: "floor", link: floor, topics: [])],
      upstreams: [UpstreamConfiguration(name: "central", link: central, topics: [])]
    )
  }

  private var isAway: Bool { self == .outage || self == .full || self == .degraded }
  /// How long the upstream has been away.
  private var awayTime: Int64 { (self == .full ? 86_400 : 760) * Self.second }

  private func links(_ observer: inout Observer, _ end: ClockReading) {
    let grant = SessionGrant(protocolVersion: .v5, isSessionPresent: true)
    let early = at(Self.start + Self.second, end)
    observer.note(.sourceConnected(source: 0, grant), now: early)
    observer.note(.upstreamConnected(upstream: 0, grant), now: early)
    if isAway {
      let failure = LinkFailure(.closed)
      observer.note(.upstreamClosed(upstream: 0, failure), now: at(end.boot - awayTime, end))
    }
  }

  private func traffic(_ observer: inout Observer, _ end: ClockReading) {
    let topics = [
      ("plant/hall-2/press/vibration", 12), ("plant/hall-2/press/temperature", 5),
      ("plant/hall-1/oven/temperature", 4), ("plant/hall-1/oven/door", 2),
      ("site/power/meter/1", 2),
      ("site/power/meter/2", 2), ("plant/hall-3/<b>retrofit</b>/pressure", 1),
    ]
    // Four quarters of an hour apart at first, then each second.
    for step in stride(from: Int64(104_400), through: 920, by: -60) {
      observer.tick(
        picture(step, end),
        disk: disk(step, end),
        now: at(end.boot - step * Self.second, end)
      )
    }
    for step in stride(from: Int64(919), through: 0, by: -1) {
      let now = at(end.boot - step * Self.second, end)
      var batch = EventBatch()
      for (topic, count) in topics {
        for _ in 0..<count { batch.append(topic: Array(topic.utf8), payload: payload, clock: now) }
      }
      if step > 780 && step % 10 == 0 {
        batch.append(topic: Array("plant/hall-3/pump/flow".utf8), payload: payload, clock: now)
      }
      observer.note(.received(source: 0, batch), now: now)
      observer.tick(picture(step, end), disk: disk(step, end), now: now)
    }
  }

  private var payload: [UInt8] { Array(#"{"value":21.5,"unit":"C","quality":"good"}"#.utf8) }

  /// Events at the beginning of each ten seconds: more by day than by night.
  private static let counts: [UInt64] = {
    var generator = SplitMix64(seed: 5)
    var counts: [UInt64] = [0]
    for place in 0..<10_440 {
      // The last hours are those of the afternoon.
      let hour = (place / 360 + 10) % 24
      let base: UInt64 = (6..<18).contains(hour) ? 270 : (5..<20).contains(hour) ? 210 : 150
      counts.append(counts[place] + base + generator.next() % 60)
    }
    return counts
  }()

  /// Events so many seconds before the end.
  private func received(_ step: Int64) -> UInt64 {
    let seconds = max(0, 104_400 - step)
    let (place, rest) = (Int(seconds / 10), UInt64(seconds % 10))
    guard place + 1 < Self.counts.count else { return Self.counts[Self.counts.count - 1] }
    return Self.counts[place] + (Self.counts[place + 1] - Self.counts[place]) * rest / 10
  }

  private func picture(_ step: Int64, _ end: ClockReading) -> AgentStatus {
    var status = AgentStatus()
    let stored = received(step)
    let awaySince = received(awayTime / Self.second)
    let delivered = isAway ? min(stored, awaySince) : stored - min(stored, 3)
    status.health = self == .full ? .full : self == .degraded ? .failing : .good
    status.durable = stored
    status.ringByteCountMax = 256 << 20
    status.ringByteCount = self == .full ? 252 << 20 : isAway ? 31 << 20 : 18 << 20
    var source = AgentStatus.Source(ledger: SourceLedger(name: "floor"))
    source.ledger.stored = stored
    source.ledger.received = stored + 3
    source.ledger.dropped[SourceDropReason.oversize.rawValue] = self == .outage ? 3 : 0
    source.isConnected = true
    var upstream = AgentStatus.Upstream(
      ledger: UpstreamLedger(name: "central", cursor: delivered + 1)
    )
    let lost: UInt64 = self == .full ? 213_405 : 0
    upstream.ledger.offered = stored
    upstream.ledger.delivered = delivered
    upstream.ledger.lost[0] = lost
    upstream.isConnected = !isAway
    upstream.lagEventCount = stored > delivered + lost ? stored - delivered - lost : 0
    status.sources = [source]
    status.upstreams = [upstream]
    var link = AgentStatus.Link()
    link.url = "mqtt://127.0.0.1:1883"
    status.detail.sources = [link]
    link.url = "mqtts://broker.example.org:8883"
    link.pendingLoss[0] = lost
    link.oldestArrival = .init(
      wall: end.wall - (isAway ? awayTime : 200_000),
      boot: end.boot - (isAway ? awayTime : 200_000),
      isExact: true
    )
    status.detail.upstreams = [link]
    status.detail.agentID = "gateway-7"
    status.detail.isRecovered = true
    status.detail.segmentByteCount = 2_600_000
    status.detail.segmentEventCount = 100_000
    status.detail.pendingCount = self == .degraded ? 14_210 : 0
    return status
  }

  private func disk(_ step: Int64, _ end: ClockReading) -> DiskFigures {
    var disk = DiskFigures()
    disk.writtenByteCount = UInt64(104_400 - step) * 20_480
    disk.syncCount = UInt64(104_400 - step) * 5
    for index in 0..<200 { disk.commits.note(microseconds: index == 0 ? 80_000 : 1_800) }
    return disk
  }

  private var machine: MachineFacts {
    var machine = MachineFacts()
    machine.residentByteCount = 17_300_000
    machine.cpuMicroseconds = 412_000_000
    machine.isClockSynchronised = self != .clock
    machine.freeByteCount = 9_800_000_000
    var device = MachineFacts.Device()
    device.name = "mmcblk0"
    device.byteCount = 31_268_536_320
    device.kind = "MMC"
    device.lifeUsedPercent = 20
    device.made = (2023, 8)
    machine.device = device
    return machine
  }

  private var lines: [(entry: LogEntry, ago: Int64)] {
    let away =
      "upstream central: mqtts://broker.example.org:8883: can't be reached; next try in 28 s"
    switch self {
    case .fine: return []
    case .outage:
      let lost =
        "upstream central: mqtts://broker.example.org:8883: connection lost; next try in 0.7 s"
      return [
        (LogEntry(.warning, lost), 760 * Self.second),
        (LogEntry(.warning, away), 400 * Self.second), (LogEntry(.warning, away), 90 * Self.second),
      ]
    case .full:
      let full = "ring log: full; 8210 undelivered events (2703115-2711324) make room"
      return [
        (LogEntry(.warning, away), 300 * Self.second), (LogEntry(.warning, full), 40 * Self.second),
      ]
    case .degraded:
      let failing =
        "ring log: write ring/hot-00000003.seg: input/output error (errno 5); the disk fails: events are "
        + "acknowledged only when every upstream has them"
      return [(LogEntry(.error, failing), 95 * Self.second)]
    case .clock: return []
    }
  }
}
