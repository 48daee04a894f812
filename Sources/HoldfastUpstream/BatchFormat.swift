internal import HoldfastCodec
internal import HoldfastEvent

/// Gathers events of one log into a message: `ndjson`, `json` or `lines`.
///
/// Holds at most one batch that is not yet cut; its numbers are behind the read position and
/// before the cursor's reach, so that a restart reads them again.
struct BatchFormat: Sendable {
  /// zstd's level for batches, and zlib's: their defaults.
  static let zstdLevel: Int32 = 3
  static let gzipLevel: Int32 = 6

  private let format: MessageFormat
  private let compression: BatchCompression
  private let agentID: [UInt8]
  private let topic: [UInt8]
  private let contentType: String
  private let isReplay: Bool
  private var object: EventObject
  private var line: EventLine

  private var bytes: [UInt8] = []
  /// Where the last object begins in `bytes`.
  private var lastOffset = 0
  /// The log of the events gathered; meaningless while empty.
  private(set) var log = LogID(high: 0, low: 0)
  /// The numbers on account of which its events left are `first..<end`, and `end` as well while
  /// something of that one is open.
  private(set) var first: SequenceNumber = 0
  private(set) var end: SequenceNumber = 0
  /// Objects gathered, and how many of them are results.
  private(set) var count = 0
  private(set) var resultCount = 0
  /// Those that left on account of number `end`, of which more may follow.
  private(set) var openCount = 0
  private(set) var openResultCount = 0
  /// Events of the log before `end` that went into results.
  private(set) var aggregatedCount = 0
  private var isLastResult = false
  /// When the oldest event is due to leave, microseconds by boot clock.
  private(set) var dueAt: Int64 = .max

  init(configuration: UpstreamConfiguration, agentID: String) {
    format = configuration.format
    compression = configuration.compression
    self.agentID = Array(agentID.utf8)
    isReplay = configuration.isReplay
    object = EventObject(agentID: agentID, isReplay: isReplay)
    line = EventLine(agentID: agentID, isReplay: isReplay)
    topic = TopicTemplate(
      configuration.topicTemplate,
      agentID: agentID,
      upstream: configuration.name
    ).filled()
    contentType =
      switch configuration.format {
      case .lines: "text/x-influx-line"
      case .json: "application/json"
      case .ndjson, .event: "application/x-ndjson"
      }
  }

  private var isArray: Bool { format == .json }

  var isEmpty: Bool { count == 0 }
  /// Bytes of the objects gathered, before compression.
  var byteCount: Int { bytes.count }
  /// Bytes that topic and properties of a batch take in a packet at most.
  var overheadByteCount: Int { topic.count + agentID.count + 256 }

  /// Gathers one event.
  ///
  /// - Parameters:
  ///   - leaving: the event, of the same log as those gathered.
  ///   - eventBytes: what its row points into.
  ///   - cause: the number on account of which it leaves; ``close(_:aggregatedCount:)`` follows.
  ///   - dueAt: when it has to leave, microseconds by boot clock.
  mutating func append(
    _ leaving: Leaving,
    of eventBytes: [UInt8],
    cause: SequenceNumber,
    dueAt: Int64
  ) {
    if isEmpty {
      begin(log: leaving.log, first: cause)
      self.dueAt = dueAt
    }
    lastOffset = bytes.count
    if format == .lines {
      line.append(leaving, of: eventBytes, to: &bytes)
    } else {
      object.append(leaving, of: eventBytes, to: &bytes)
    }
    bytes.append(isArray ? UInt8(ascii: ",") : UInt8(ascii: "\n"))
    end = cause
    isLastResult = leaving.result != nil
    count += 1
    openCount += 1
    if isLastResult {
      resultCount += 1
      openResultCount += 1
    }
  }

  /// Counts a number as part of the batch's range: nothing more leaves on its account.
  mutating func close(_ number: SequenceNumber, aggregatedCount: Int = 0) {
    end = number + 1
    openCount = 0
    openResultCount = 0
    self.aggregatedCount += aggregatedCount
  }

  /// What the batch is as a slot, but for its message.
  func slot(as term: Slot.Term, _ state: Slot.State) -> Slot {
    Slot(
      log: log,
      first: first,
      end: end,
      count: UInt64(count - resultCount),
      term: term,
      state: state,
      resultCount: UInt64(resultCount),
      aggregatedCount: UInt64(aggregatedCount),
      openCount: UInt64(openCount - openResultCount),
      openResultCount: UInt64(openResultCount)
    )
  }

  /// Cuts all events but the last one, which is open and begins the next batch.
  ///
  /// - Returns: the slot of the message, but for its message.
  mutating func cutBeforeLast(tag: UInt64, into out: inout MessageBatch) -> Slot {
    let tail = Array(bytes[lastOffset...])
    let cause = end
    let isResult = isLastResult
    bytes.removeSubrange(lastOffset...)
    count -= 1
    openCount -= 1
    if isResult {
      resultCount -= 1
      openResultCount -= 1
    }
    let dueAt = dueAt
    let slot = slot(as: .delivered, .sent)
    cut(tag: tag, into: &out)
    begin(log: log, first: cause)
    bytes.append(contentsOf: tail)
    lastOffset = isArray ? 1 : 0
    count = 1
    openCount = 1
    if isResult {
      resultCount = 1
      openResultCount = 1
    }
    isLastResult = isResult
    // The last event is younger; that its batch leaves a little early harms nobody.
    self.dueAt = dueAt
    return slot
  }

  /// Makes one message of the events gathered, and is empty after that.
  mutating func cut(tag: UInt64, into out: inout MessageBatch) {
    if isArray {
      bytes[bytes.count - 1] = UInt8(ascii: "]")
    }
    var type = contentType
    var payload = bytes[...]
    if let packed = compressed(payload) {
      payload = packed[...]
      type += "+\(compression.rawValue)"
    }
    var properties: [UInt8] = []
    properties.append(property: [], Array(type.utf8))
    properties += originProperties(agentID: agentID, log: log)
    properties.append(property: Array("first".utf8), Array(String(first).utf8))
    properties.append(
      property: Array("last".utf8),
      Array(String(openCount > 0 ? end : end - 1).utf8)
    )
    properties.append(property: Array("count".utf8), Array(String(count).utf8))
    if isReplay { properties += replayMark }
    out.append(topic: topic, payload: payload, properties: properties, tag: tag)
    bytes.removeAll(keepingCapacity: true)
    count = 0
    resultCount = 0
    openCount = 0
    openResultCount = 0
    aggregatedCount = 0
    dueAt = .max
  }

  /// Nil where nothing is to be compressed, or there is no memory for it: then it goes as it is.
  private func compressed(_ payload: ArraySlice<UInt8>) -> [UInt8]? {
    switch compression {
    case .none: nil
    case .zstd: zstdCompressed(payload, level: Self.zstdLevel)
    case .gzip: gzipCompressed(payload, level: Self.gzipLevel)
    }
  }

  private mutating func begin(log: LogID, first: SequenceNumber) {
    self.log = log
    self.first = first
    end = first
    if isArray { bytes.append(UInt8(ascii: "[")) }
  }
}

extension MessageBatch {
  /// Appends one message that is not retained.
  mutating func append(
    topic: [UInt8],
    payload: ArraySlice<UInt8>,
    properties: [UInt8],
    tag: UInt64
  ) {
    let offset = bytes.count
    bytes += topic
    bytes += payload
    bytes += properties
    rows.append(
      Row(
        tag: tag,
        topicOffset: UInt32(offset),
        topicByteCount: UInt32(topic.count),
        payloadOffset: UInt32(offset + topic.count),
        payloadByteCount: UInt32(payload.count),
        propertiesOffset: UInt32(offset + topic.count + payload.count),
        propertiesByteCount: UInt32(properties.count),
        isRetained: false
      )
    )
  }
}
