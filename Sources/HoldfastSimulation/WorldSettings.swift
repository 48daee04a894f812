internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastIntake
internal import HoldfastLink
internal import HoldfastRingLog
internal import HoldfastUpstream

/// One simulated run: everything in it follows from the seed.
public struct WorldSettings: Sendable {
  /// All choices come from it.
  public var seed: UInt64
  /// Microseconds with traffic and faults; after them everything must drain.
  public var activeTime: Int64
  /// Mutant: `sync` does nothing, so that a power cut must lose what was acknowledged.
  public var isSyncLying = false
  /// Mutant: the shell sends PUBACKs as soon as it has handed events over.
  public var acknowledgesEarly = false
  /// Only power cuts: what the two mutants must not survive.
  public var hasOnlyPowerCuts = false
  /// Told each step; nil: nobody.
  public var tell: (@Sendable (String) -> Void)?

  /// A run of between one and fifty simulated hours.
  public init(seed: UInt64) {
    self.seed = seed
    var random = SplitMix64(seed: seed ^ 0x5eed)
    activeTime = Int64.random(in: 1...50, using: &random) * 3600 * microsecondsPerSecond
  }
}

/// What a run has shown.
public struct WorldReport: Equatable, Sendable {
  /// What was violated, with the seed; nil: nothing.
  public var failure: String?
  /// A hash of every step: equal for equal seeds.
  public var trace: UInt64 = 0
  /// Simulated microseconds.
  public var time: Int64 = 0
  /// Steps of the agent.
  public var stepCount = 0
  /// Messages that the sensors' brokers were acknowledged.
  public var acknowledgedCount = 0
  /// Events that the upstreams got, each counted once per upstream.
  public var deliveredCount = 0
  /// Events that the agent says were evicted, over all upstreams.
  public var evictedCount: UInt64 = 0
  /// Crashes of the process, power cuts included.
  public var crashCount = 0
  /// Power cuts alone.
  public var powerCutCount = 0
  /// Disk operations that were made to fail.
  public var diskFaultCount = 0
  /// What the seed chose, for people.
  public var summary = ""

  /// A report of nothing.
  public init() {}
}

/// What the seed decided about a run.
struct WorldPlan {
  var configuration: AgentConfiguration
  /// Which brokers speak MQTT 5.
  var sourceSpeaksFive: [Bool] = []
  var upstreamSpeaksFive: [Bool] = []
  var topicCount: Int
  /// Mean microseconds between two bursts of messages, and messages of a burst.
  var burstInterval: Int64
  var burstCount: Int
  var payloadByteCountMax: Int
  var hasReadFaults: Bool
  /// Microseconds a message takes to an upstream at most.
  var upstreamLatency: Int64

  init(seed: UInt64, activeTime: Int64) {
    var random = SplitMix64(seed: seed)
    func link(_ port: UInt16, _ random: inout SplitMix64) -> LinkConfiguration {
      var link = LinkConfiguration(host: "broker", port: port)
      link.keepAliveSeconds = UInt16.random(in: 5...60, using: &random)
      link.backoffMax = Int64.random(in: 1...60, using: &random) * microsecondsPerSecond
      return link
    }
    var sources: [SourceConfiguration] = []
    for index in 0..<Int.random(in: 1...2, using: &random) {
      var source = SourceConfiguration(
        name: "s\(index)",
        link: link(UInt16(1000 + index), &random),
        topics: [TopicFilter("plant/#")].compactMap { $0 }
      )
      source.receiveMaximum = Int.random(in: 10...1000, using: &random)
      sources.append(source)
      sourceSpeaksFive.append(random.next() & 1 == 0)
    }
    var upstreams: [UpstreamConfiguration] = []
    for index in 0..<Int.random(in: 1...2, using: &random) {
      let filter = ["plant/#", "plant/#", "plant/0/#", "plant/+/1"][Int(random.next() % 4)]
      var upstream = UpstreamConfiguration(
        name: "u\(index)",
        link: link(UInt16(2000 + index), &random),
        topics: [TopicFilter(index == 0 ? "plant/#" : filter)].compactMap { $0 }
      )
      if random.next() % 3 == 0 {
        upstream.format = .ndjson
        upstream.topicTemplate = "batches/{upstream}"
        upstream.batchEventCountMax = Int.random(in: 1...200, using: &random)
      }
      upstream.inFlightMax = Int.random(in: 1...100, using: &random)
      upstreams.append(upstream)
      upstreamSpeaksFive.append(random.next() % 4 != 0)
    }
    configuration = AgentConfiguration(agentID: "edge", sources: sources, upstreams: upstreams)
    configuration.ring.segmentByteCountMin = 64 << 10
    let isSmall = random.next() % 2 == 0
    // The state file takes 1 MiB of it, and as much is kept for its replacement.
    configuration.ring.byteCountMax = isSmall ? 6 << 19 : 8 << 20
    configuration.ring.whenFull = random.next() & 1 == 0 ? .dropOldest : .refuseNewest
    configuration.ring.commitInterval =
      [10_000, 50_000, 250_000, 1_000_000][
        Int(random.next() % 4)
      ]
    configuration.ring.chainRawByteCountMax = [8 << 10, 256 << 10][Int(random.next() & 1)]
    configuration.ring.tailByteCountMax = [16 << 10, 4 << 20][Int(random.next() & 1)]
    topicCount = Int.random(in: 1...12, using: &random)
    burstCount = Int.random(in: 1...60, using: &random)
    // About so many messages in a run, however long it lasts.
    let messageCount = Int64.random(in: 300...6000, using: &random)
    burstInterval = max(20_000, activeTime / messageCount * Int64(burstCount))
    payloadByteCountMax = [40, 400, 6000][Int(random.next() % 3)]
    hasReadFaults = random.next() % 5 == 0
    upstreamLatency = [2_000, 50_000, 2_000_000][Int(random.next() % 3)]
  }

  var summary: String {
    let ring = configuration.ring
    return "\(configuration.sources.count) sources, "
      + configuration.upstreams.map { "\($0.format.rawValue)/\($0.inFlightMax)" }
      .joined(separator: "+")
      + ", ring \(ring.byteCountMax >> 10) KiB \(ring.whenFull.rawValue), commit "
      + "\(ring.commitInterval / 1000) ms, bursts of \(burstCount) each \(burstInterval / 1000) ms, "
      + "payload \(payloadByteCountMax)\(hasReadFaults ? ", read faults" : "")"
  }
}
