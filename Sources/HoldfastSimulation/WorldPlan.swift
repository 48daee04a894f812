internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastIntake
internal import HoldfastLink
internal import HoldfastRingLog
internal import HoldfastStage
internal import HoldfastUpstream

/// What the seed decided about a run before it begins.
struct WorldPlan {
  var configuration: AgentConfiguration
  /// Microseconds with traffic and faults.
  var activeTime: Int64
  /// Which brokers speak MQTT 5.
  var sourceSpeaksFive: [Bool] = []
  var upstreamSpeaksFive: [Bool] = []
  /// What the sensors' brokers keep in flight at most.
  var brokerWindows: [Int] = []
  /// What the upstreams say about their largest packet; nil: nothing.
  var packetByteCountMax: [Int?] = []
  var topicCount: Int
  /// Mean microseconds between two bursts of messages, and messages of a burst.
  var burstInterval: Int64
  var burstCount: Int
  var payloadByteCountMax: Int
  /// Whether upstreams have stages: a third of the seeds.
  var hasStages = false
  var hasReadFaults: Bool
  var canRot: Bool
  /// Microseconds a message takes to an upstream at most.
  var upstreamLatency: Int64

  /// Draws a plan; with `hasKafka` upstreams that take event by event are Kafka clusters.
  init(seed: UInt64, hours: Int?, hasLanes: Bool, hasKafka: Bool = false) {
    var random = SplitMix64(seed: seed)
    let drawn = Int.random(in: 25...50, using: &random)
    activeTime = Int64(hours ?? drawn) * 3600 * microsecondsPerSecond
    var sources: [SourceConfiguration] = []
    for index in 0..<Int.random(in: 1...2, using: &random) {
      var source = SourceConfiguration(
        name: "s\(index)",
        link: Self.link(UInt16(1000 + index), &random),
        topics: [TopicFilter("plant/#")].compactMap { $0 }
      )
      source.receiveMaximum = Int.random(in: 10...1000, using: &random)
      sources.append(source)
      sourceSpeaksFive.append(random.next() & 1 == 0)
      // Mosquitto's default, most often.
      brokerWindows.append([20, 20, 20, 100, 65_535][Int(random.next() % 5)])
    }
    var upstreams: [UpstreamConfiguration] = []
    for index in 0..<Int.random(in: 1...3, using: &random) {
      upstreams.append(Self.upstream(index, &random))
      upstreamSpeaksFive.append(random.next() % 4 != 0)
      packetByteCountMax.append(random.next() % 8 == 0 ? 4000 : nil)
    }
    configuration = AgentConfiguration(agentID: "edge", sources: sources, upstreams: upstreams)
    configuration.ring = Self.ring(&random)
    topicCount = Int.random(in: 1...12, using: &random)
    burstCount = Int.random(in: 1...60, using: &random)
    // About so many messages in a run, however long it lasts.
    let messageCount = Int64.random(in: 5500...7000, using: &random)
    burstInterval = max(20_000, activeTime / messageCount * Int64(burstCount))
    payloadByteCountMax = [40, 400, 2000][Int(random.next() % 3)]
    hasReadFaults = random.next() % 4 == 0
    canRot = random.next() % 3 == 0
    // With a small window a far upstream would take days for what came in hours.
    let isNarrow = upstreams.contains { $0.inFlightMax < 20 }
    upstreamLatency = [2_000, 50_000, isNarrow ? 50_000 : 2_000_000][Int(random.next() % 3)]
    if random.next() % 3 == 0 { addStages(&random) }
    if hasKafka { useKafka() }
    if hasLanes { addLanes(seed: seed) }
    addFallbacks(seed: seed)
    addKeeping(seed: seed)
  }

  /// A second broker for every third upstream; drawn apart, so that the others stay what they were.
  private mutating func addFallbacks(seed: UInt64) {
    var random = SplitMix64(seed: seed ^ 0xfa11_bac6)
    for index in configuration.upstreams.indices {
      let (isListed, retry) = (random.next() % 3 == 0, Int64.random(in: 1...1200, using: &random))
      guard isListed, configuration.upstreams[index].kafka == nil else { continue }
      configuration.upstreams[index].link.fallbacks = [
        BrokerPlace(host: "second", port: UInt16(2000 + index))
      ]
      configuration.upstreams[index].link.primaryRetry = retry * microsecondsPerSecond
    }
  }

  /// Drawn apart, so that a seed is otherwise the same with and without: a third of them keep what is
  /// delivered.
  private mutating func addKeeping(seed: UInt64) {
    var random = SplitMix64(seed: seed ^ 0x4ee9_0001)
    configuration.ring.keepDelivered =
      switch random.next() % 9 {
      case 0: .byteCount(Int.random(in: 1...512, using: &random) << 10)
      case 1: .span(Int64.random(in: 1...48, using: &random) * 3600 * microsecondsPerSecond)
      case 2: .byteCount(1 << 30)
      default: nil
      }
  }

  /// Draws nothing, so that worlds without it stay what they were.
  private mutating func useKafka() {
    for index in configuration.upstreams.indices
    where configuration.upstreams[index].format == .event {
      configuration.upstreams[index].kafka = KafkaConfiguration()
      configuration.upstreams[index].link.kafkaBrokers = "broker:\(9000 + index)"
      configuration.upstreams[index].link.protocolPolicy = .v5
      configuration.upstreams[index].topicTemplate = "events.{topic}"
      upstreamSpeaksFive[index] = true
      packetByteCountMax[index] = nil
    }
  }

  /// Drawn apart, so that a seed is otherwise the same with and without.
  private mutating func addLanes(seed: UInt64) {
    var random = SplitMix64(seed: seed ^ 0x1a9e_5000)
    for index in configuration.upstreams.indices {
      let isLiveFirst = random.next() % 3 == 0
      let budget = [nil, nil, nil, 20_000, 200_000, 2_000_000][Int(random.next() % 6)]
      configuration.upstreams[index].budgetByteCount = budget
      configuration.upstreams[index].liveLagMax = [5, 20, 100][Int(random.next() % 3)]
      guard isLiveFirst, configuration.upstreams[index].stages.isEmpty else { continue }
      configuration.upstreams[index].order = .liveFirst
    }
    var stageRandom = SplitMix64(seed: seed ^ 0x57a6_5000)
    for index in configuration.upstreams.indices {
      let upstream = configuration.upstreams[index]
      guard !upstream.stages.isEmpty, upstream.canBeDivided, stageRandom.next() % 3 != 0 else {
        continue
      }
      configuration.upstreams[index].order = .liveFirst
    }
  }

  private static func link(_ port: UInt16, _ random: inout SplitMix64) -> LinkConfiguration {
    var link = LinkConfiguration(host: "broker", port: port)
    link.keepAliveSeconds = UInt16.random(in: 5...60, using: &random)
    link.backoffMax = Int64.random(in: 1...60, using: &random) * microsecondsPerSecond
    return link
  }

  private static func upstream(
    _ index: Int,
    _ random: inout SplitMix64
  ) -> UpstreamConfiguration {
    let filter = ["plant/#", "plant/#", "plant/0/#", "plant/+/1"][Int(random.next() % 4)]
    var upstream = UpstreamConfiguration(
      name: "u\(index)",
      link: link(UInt16(2000 + index), &random),
      topics: [TopicFilter(index == 0 ? "plant/#" : filter)].compactMap { $0 }
    )
    upstream.format = [.event, .event, .ndjson, .json][Int(random.next() % 4)]
    if upstream.format != .event {
      upstream.topicTemplate = "batches/{upstream}"
      let draw = random.next()
      upstream.compression = draw & 1 == 0 ? .none : draw >> 1 & 3 == 0 ? .gzip : .zstd
      upstream.batchEventCountMax = Int.random(in: 1...200, using: &random)
    }
    upstream.inFlightMax = Int.random(in: 1...100, using: &random)
    upstream.refusalTryCountMax = 2
    // Small enough to fill up now and then, beside a small ring.
    upstream.deadLetterByteCountMax = [2 << 10, 64 << 10][Int(random.next() & 1)]
    return upstream
  }

  private static func ring(_ random: inout SplitMix64) -> RingConfiguration {
    var ring = RingConfiguration()
    ring.segmentByteCountMin = 64 << 10
    ring.payloadByteCountMax = 16 << 10
    // The state file takes 1 MiB of it, and as much is kept for its replacement.
    ring.byteCountMax = [6 << 19, 6 << 19, 4 << 20, 6 << 20][Int(random.next() % 4)]
    ring.whenFull = random.next() & 1 == 0 ? .dropOldest : .refuseNewest
    ring.commitInterval = [10_000, 50_000, 250_000, 1_000_000][Int(random.next() % 4)]
    ring.chainRawByteCountMax = [8 << 10, 256 << 10][Int(random.next() & 1)]
    ring.tailByteCountMax = [16 << 10, 4 << 20][Int(random.next() & 1)]
    return ring
  }

  private var stagesText: String {
    if !hasStages { return "" }
    func names(_ stages: [StageConfiguration]) -> String {
      stages.isEmpty
        ? "none" : stages.map { "\($0.kind)".prefix { $0 != "(" } }.joined(separator: ",")
    }
    let upstreams = configuration.upstreams.map { names($0.stages) }.joined(separator: " and ")
    let sources = configuration.sources.map { names($0.stages) }.joined(separator: " and ")
    return ", stages \(upstreams), of sources \(sources)"
  }

  var summary: String {
    let ring = configuration.ring
    let upstreams = configuration.upstreams.map {
      let packing = $0.compression == .none ? "" : "+\($0.compression.rawValue)"
      let format = $0.kafka == nil ? $0.format.rawValue : "kafka"
      return "\(format)\(packing)/\($0.inFlightMax)"
        + ($0.order == .liveFirst ? " live-first" : "")
        + ($0.order == .liveFirst && !$0.stages.isEmpty ? " with stages" : "")
        + ($0.link.fallbacks.isEmpty ? "" : " with a fallback")
        + ($0.budgetByteCount.map { " at \($0) B/s" } ?? "")
    }
    return "\(configuration.sources.count) sources, \(upstreams.joined(separator: " and "))"
      + ", ring \(ring.byteCountMax >> 10) KiB \(ring.whenFull.rawValue)"
      + (ring.keepDelivered.map { ", keeps \($0)" } ?? "") + ", commit "
      + "\(ring.commitInterval / 1000) ms, bursts of \(burstCount) each "
      + "\(burstInterval / 1000) ms, "
      + "payload \(payloadByteCountMax)\(hasReadFaults ? ", read faults" : "")"
      + "\(canRot ? ", bit rot" : "")\(stagesText)"
  }
}
