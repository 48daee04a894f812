public import HoldfastEvent
public import HoldfastIntake
public import HoldfastUpstream

/// What an unpacker is told to do.
public struct UnpackConfiguration: Equatable, Sendable {
  /// Where batches come from.
  public var source: SourceConfiguration
  /// Where single messages go; nil: to standard output, as lines of JSON.
  public var upstream: UpstreamConfiguration?
  /// Which part of the agents is this instance's: `index` of `count`; nil: all.
  public var share: Share?
  /// Filters whose topics must not be published to, as they would come back; empty unless both
  /// ends are the same broker.
  public var loopFilters: [TopicFilter] = []
  /// Whether what an agent sends again on demand is passed on although it was passed on before.
  public var passesReplays = true
  /// Bytes of memory for knowing what was passed on.
  public var seenByteCountMax = 64 << 20

  /// Settings with every default filled in.
  public init(source: SourceConfiguration, upstream: UpstreamConfiguration?) {
    self.source = source
    self.upstream = upstream
  }
}

/// A part of all agents.
public struct Share: Equatable, Sendable {
  /// Most instances that share the work.
  public static let countMax = 1024

  /// 0 to `count` - 1.
  public var index: Int
  /// 1 to ``countMax``.
  public var count: Int

  /// A part; nil where there is no such part.
  public init?(index: Int, count: Int) {
    guard (1...Self.countMax).contains(count), (0..<count).contains(index) else { return nil }
    self.index = index
    self.count = count
  }

  /// Reads `1/4`: the first of four.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let number = Int(parts[0]), let count = Int(parts[1]) else {
      return nil
    }
    self.init(index: number - 1, count: count)
  }

  /// Whether the agent is this instance's: the same for every instance and every version.
  public func holds(agent: [UInt8]) -> Bool {
    // FNV-1a, 64 bits wide.
    let hash = agent.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    return Int(hash % UInt64(count)) == index
  }
}

/// What became of messages and events since the start.
public struct UnpackCounts: Equatable, Sendable {
  /// Messages taken, of this instance's agents.
  public var messages: UInt64 = 0
  /// Messages of other instances' agents: acknowledged and left alone.
  public var others: UInt64 = 0
  /// Events and results in them.
  public var events: UInt64 = 0
  /// Of those, marked as replay and passed on all the same.
  public var replayed: UInt64 = 0
  /// Of those, passed on before: left out.
  public var repeated: UInt64 = 0
  /// Not selected by the upstream's `topics`.
  public var filtered: UInt64 = 0
  /// Gap records, passed on as they are.
  public var gaps: UInt64 = 0
  /// Messages that are none of Holdfast's, or damaged: set aside.
  public var unreadable: UInt64 = 0
  /// Events whose topic would bring them back here: set aside.
  public var looping: UInt64 = 0
  /// Messages that were set aside, and those for which there was no room any more.
  public var deadLetters: UInt64 = 0
  /// Set aside without room for it: lost.
  public var dropped: UInt64 = 0

  /// Nothing yet.
  public init() {}
}
