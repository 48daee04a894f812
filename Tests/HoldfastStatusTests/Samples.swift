import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastStatus
import HoldfastUpstream

let second = microsecondsPerSecond
/// 2026-03-14 15:09:26 UTC.
let spring: Int64 = 1_773_500_966 * microsecondsPerSecond

func clock(_ boot: Int64, wall: Int64 = spring) -> ClockReading {
  ClockReading(boot: boot, wall: wall + boot)
}

func configuration() -> AgentConfiguration {
  let link = LinkConfiguration(host: "broker", port: 1883)
  return AgentConfiguration(
    agentID: "edge-1",
    sources: [SourceConfiguration(name: "floor", link: link, topics: [])],
    upstreams: [
      UpstreamConfiguration(name: "central", link: link, topics: [])
    ]
  )
}

func batch(_ topics: [String], payload: Int = 10) -> EventBatch {
  var batch = EventBatch()
  for topic in topics {
    batch.append(
      topic: Array(topic.utf8),
      payload: [UInt8](repeating: 48, count: payload),
      clock: clock(0)
    )
  }
  return batch
}

/// A core's picture with one source and one upstream, both up, `lag` events behind.
func status(stored: UInt64 = 1000, lag: UInt64 = 0) -> AgentStatus {
  var status = AgentStatus()
  status.durable = stored
  status.ringByteCount = 64 << 20
  status.ringByteCountMax = 256 << 20
  var source = AgentStatus.Source(ledger: SourceLedger(name: "floor"))
  source.ledger.received = stored
  source.ledger.stored = stored
  source.isConnected = true
  status.sources = [source]
  var ledger = UpstreamLedger(name: "central", cursor: stored - lag + 1)
  ledger.offered = stored
  ledger.delivered = stored - lag
  var upstream = AgentStatus.Upstream(ledger: ledger)
  upstream.isConnected = true
  upstream.lagEventCount = lag
  status.upstreams = [upstream]
  var link = AgentStatus.Link()
  link.url = "mqtt://broker:1883"
  status.detail.agentID = "edge-1"
  status.detail.isRecovered = true
  status.detail.sources = [link]
  status.detail.upstreams = [link]
  status.detail.segmentByteCount = Int(stored) * 26
  status.detail.segmentEventCount = stored
  return status
}

/// A report of that picture, with both links up for a minute.
func report(_ picture: AgentStatus = status(), boot: Int64 = 100 * second) -> StatusReport {
  var observer = Observer(configuration: configuration(), version: "1.2.3", now: clock(0))
  let grant = SessionGrant(protocolVersion: .v5, isSessionPresent: false)
  observer.note(.sourceConnected(source: 0, grant), now: clock(40 * second))
  observer.note(.upstreamConnected(upstream: 0, grant), now: clock(40 * second))
  return observer.report(picture, disk: DiskFigures(), now: clock(boot))
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
