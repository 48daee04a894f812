import ArgumentParser
import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastSystem
import HoldfastUpstream

/// Bytes that the agent's core syncs to the device, by whole pages, in `seconds` of simulated time.
///
/// The whole core runs, with an upstream that acknowledges at once and a real disk; the file
/// system's own journal is not in the figure.
func bytesWritten(rate: Int, seconds: Int, directory: String) throws -> UInt64 {
  guard let filter = TopicFilter("#") else { throw ValidationError("no filter") }
  let link = LinkConfiguration(host: "127.0.0.1", port: 1883)
  let configuration = AgentConfiguration(
    agentID: "bench",
    sources: [SourceConfiguration(name: "source", link: link, topics: [filter])],
    upstreams: [UpstreamConfiguration(name: "centre", link: link, topics: [filter])]
  )
  let base = PosixDisk(path: directory, access: .exclusive)
  try? base.lock()
  let disk = CountingDisk(base)
  var time: Int64 = 1_000_000
  var effects: [Effect] = []
  func now() -> ClockReading { ClockReading(boot: time, wall: 1_700_000_000_000_000 + time) }
  var agent = Agent(
    configuration: configuration,
    disk: disk,
    machine: 1,
    bootID: 1,
    seed: 1,
    now: now(),
    effects: &effects
  )
  let grant = SessionGrant(protocolVersion: .v5, isSessionPresent: true)
  func step(_ input: Input) {
    agent.step(input, now: now(), effects: &effects)
    while let place = effects.firstIndex(where: {
      if case .publish = $0 { true } else { false }
    }) {
      guard case .publish(_, let batch) = effects.remove(at: place) else { break }
      let answers = batch.rows.map { Acknowledgement(tag: $0.tag) }
      agent.step(.acknowledged(upstream: 0, answers), now: now(), effects: &effects)
    }
    effects.removeAll()
  }
  step(.sourceConnected(source: 0, grant))
  step(.upstreamConnected(upstream: 0, grant))
  // The first half brings files into being; the second is what goes on for years.
  let end = time + 2 * Int64(seconds) * 1_000_000
  let half = time + Int64(seconds) * 1_000_000
  var before = disk.writtenByteCount
  let interval = Int64(1_000_000 / rate)
  var nextEvent = time
  var random = SplitMix64(seed: 3)
  while time < end {
    let isFirstHalf = time < half
    time = min(nextEvent, max(agent.wakeAt, time + 1000))
    if isFirstHalf && time >= half { before = disk.writtenByteCount }
    if time >= nextEvent {
      var batch = EventBatch()
      let payload = "\(random.next() % 10_000)"
      batch.append(
        topic: Array("plant/unit-\(random.next() % 100)/value".utf8),
        payload: Array(payload.utf8),
        clock: now()
      )
      nextEvent += interval
      step(.received(source: 0, batch))
    } else {
      step(.timer)
    }
  }
  return disk.writtenByteCount - before
}
