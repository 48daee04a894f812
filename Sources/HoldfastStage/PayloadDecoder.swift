public import HoldfastEvent
public import HoldfastPayload

/// Which format the payloads of a source have: one for all, others for some topics.
public struct DecodeRules: Equatable, Sendable {
  /// A topic filter and the format of what matches it.
  public struct Override: Equatable, Sendable {
    /// Which topics.
    public var topics: TopicFilter
    /// Their format; nil: not read.
    public var format: PayloadFormat?
    /// Which texts in them are numbers.
    public var texts: TextNumbers

    /// Made of its parts.
    public init(topics: TopicFilter, format: PayloadFormat?, texts: TextNumbers = .plain) {
      self.topics = topics
      self.format = format
      self.texts = texts
    }
  }

  /// The source's own; nil: payloads are not read.
  public var format: PayloadFormat?
  /// `text_units` and `text_comma`: which texts are numbers.
  public var texts: TextNumbers
  /// The first that matches counts.
  public var overrides: [Override]

  /// Made of its parts.
  public init(
    format: PayloadFormat? = nil,
    texts: TextNumbers = .plain,
    overrides: [Override] = []
  ) {
    self.format = format
    self.texts = texts
    self.overrides = overrides
  }

  /// The format of a topic's payloads.
  public func format(of topic: ArraySlice<UInt8>) -> PayloadFormat? {
    for override in overrides where override.topics.matches(topic) { return override.format }
    return format
  }

  /// Which texts in a topic's payloads are numbers.
  public func texts(of topic: ArraySlice<UInt8>) -> TextNumbers {
    for override in overrides where override.topics.matches(topic) { return override.texts }
    return texts
  }

  /// Whether any topic's payloads are read in this format.
  public func reads(_ format: PayloadFormat) -> Bool {
    self.format == format || overrides.contains { $0.format == format }
  }
}

/// Which format each event's payload has, and what became of reading them.
struct PayloadDecoder: Sendable {
  /// Most topics whose faults are counted apart; the one that had none for longest makes room.
  static let topicCountMax = 100

  /// By the source's slot in the ledger, see `EventBatch.Row.source`; others are not read.
  let rules: [DecodeRules]
  /// Whether what can't be read is set aside; otherwise it passes unchanged.
  let setsAside: Bool
  /// Whether any payload is read as Sparkplug B, the one format that knows of historical values.
  let readsSparkplug: Bool
  /// Whether texts that are not plain numbers may be some.
  private let readsTexts: Bool
  /// Payloads that could not be read, by ``PayloadFault``'s order.
  private(set) var faultCounts = [UInt64](repeating: 0, count: PayloadFault.allCases.count)

  /// Those of the topics that had one last, in the order of the cases.
  private var topics = TopicStates<[UInt64]>(countMax: topicCountMax)

  /// Why the last of them could not be read, and how many there were.
  private(set) var lastFault = PayloadFault.malformed
  var faultCount: UInt64 { faultCounts.reduce(0, &+) }

  /// Adds what another one could not read.
  mutating func addCounts(of other: PayloadDecoder) {
    for place in faultCounts.indices { faultCounts[place] &+= other.faultCounts[place] }
  }

  init(rules: [DecodeRules], setsAside: Bool) {
    self.rules = rules
    self.setsAside = setsAside
    readsSparkplug = rules.contains { $0.reads(.sparkplug) }
    readsTexts = rules.contains { rule in
      rule.texts != .plain || rule.overrides.contains { $0.texts != .plain }
    }
  }

  func save(into writer: inout SnapshotWriter) {
    for count in faultCounts { writer.append(count) }
    topics.save(into: &writer) { counts, writer in
      for count in counts { writer.append(count) }
    }
  }

  mutating func restore(from reader: inout SnapshotReader) -> Bool {
    for place in faultCounts.indices {
      guard let count: UInt64 = reader.number() else { return false }
      faultCounts[place] = count
    }
    return topics.restore(from: &reader) { reader in
      var counts: [UInt64] = []
      for _ in PayloadFault.allCases {
        guard let count: UInt64 = reader.number() else { return nil }
        counts.append(count)
      }
      return counts
    }
  }

  /// What could not be read, by topic; see ``Pipeline/faultsByTopic``.
  var faultsByTopic: PayloadFaults {
    PayloadFaults(
      topics: (0..<topics.count).map { .init(topic: topics.topic($0), counts: topics[$0]) },
      evictedTopicCount: topics.evictedCount
    )
  }

  func format(of topic: ArraySlice<UInt8>, source: UInt8) -> PayloadFormat? {
    Int(source) < rules.count ? rules[Int(source)].format(of: topic) : nil
  }

  /// Which texts of an event's payload are numbers.
  func texts(of topic: ArraySlice<UInt8>, source: UInt8) -> TextNumbers {
    readsTexts && Int(source) < rules.count ? rules[Int(source)].texts(of: topic) : .plain
  }

  mutating func count(_ fault: PayloadFault, of topic: ArraySlice<UInt8>) {
    lastFault = fault
    let slot = topics.slot(of: topic, value: faultCounts.map { _ in 0 }).slot
    for (place, known) in PayloadFault.allCases.enumerated() where known == fault {
      faultCounts[place] &+= 1
      topics[slot][place] &+= 1
    }
  }
}

/// Payloads that could not be read, by topic and reason.
public struct PayloadFaults: Equatable, Sendable {
  /// Most topics counted apart.
  public static let topicCountMax = PayloadDecoder.topicCountMax

  /// One topic's.
  public struct Topic: Equatable, Sendable {
    /// As it came to the stage that could not read it.
    public var topic: [UInt8]
    /// In the order of `PayloadFault.allCases`.
    public var counts: [UInt64]
    /// Whatever the reason.
    public var count: UInt64 { counts.reduce(0, &+) }
  }

  /// Most faults first, and by their bytes where those are equal.
  public private(set) var topics: [Topic] = []
  /// Topics that made room, and whose counts are in the sums alone.
  public private(set) var evictedTopicCount: UInt64 = 0

  /// Nothing could not be read.
  public init() {}

  init(topics: [Topic], evictedTopicCount: UInt64) {
    self.topics = topics.sorted {
      $0.count != $1.count ? $0.count > $1.count : $0.topic.lexicographicallyPrecedes($1.topic)
    }
    self.evictedTopicCount = evictedTopicCount
  }
}

extension StagePass {
  /// Reads fields of an event's payload into ``fields``, one for each path of `scanner`.
  ///
  /// A derived event is JSON; an event of the log what its source's rules say.
  ///
  /// - Returns: whether it could be read. If not, the stage calls ``setAside(_:)`` and is done
  ///   with the event. A field that the payload does not have is no fault: it is `.missing`.
  mutating func read(_ event: StageEvent, _ scanner: inout FieldScanner) -> Bool {
    let format =
      event.result == nil
      ? decoder.format(of: topic(event), source: event.row.source) : .json
    guard let format else {
      fields.removeAll(keepingCapacity: true)
      for _ in 0..<scanner.pathCount { fields.append(.missing) }
      return true
    }
    var fields = self.fields
    self.fields = []
    let fault = unsafe bytes.withUnsafeBytes { bytes in
      unsafe scanner.read(
        UnsafeRawBufferPointer(rebasing: bytes[event.row.payloadRange]),
        as: format,
        into: &fields
      )
    }
    self.fields = fields
    guard let fault else { return true }
    decoder.count(fault, of: topic(event))
    return false
  }

  /// Ends with an event that could not be read: it goes on unchanged, or to the dead letters.
  mutating func setAside(_ event: StageEvent) {
    if decoder.setsAside && event.result == nil {
      verdict = .undecodable
    } else {
      emit(event)
    }
  }

  /// Whether the event is no current value: of a Sparkplug B payload each metric is marked so.
  ///
  /// It must not move what a stage knows of values that are.
  ///
  /// - Complexity: O(bytes) for such payloads.
  func isHistorical(_ event: StageEvent) -> Bool {
    guard decoder.readsSparkplug, format(of: event) == .sparkplug else { return false }
    return unsafe bytes.withUnsafeBytes { bytes in
      unsafe HoldfastPayload.isHistorical(
        sparkplug: UnsafeRawBufferPointer(rebasing: bytes[event.row.payloadRange])
      )
    }
  }

  /// The bytes of a field that was read of this event.
  func bytes(of field: Field, in event: StageEvent) -> ArraySlice<UInt8> {
    let start = event.row.payloadRange.lowerBound
    return bytes[(start + field.range.lowerBound)..<(start + field.range.upperBound)]
  }
}
