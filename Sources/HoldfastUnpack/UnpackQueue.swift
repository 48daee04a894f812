internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastUpstream

/// What came in and is not yet passed on: decoded, without what was passed on before.
///
/// To a `Forwarder` it looks like a log: its events have numbers of its own, from 1 on, which end
/// with the process. Decoding waits while the events not yet passed on take more than
/// ``byteCountMax``.
struct UnpackQueue {
  /// Bytes of events decoded and not passed on beyond which nothing more is decoded.
  static let byteCountMax = 8 << 20

  /// The log of its numbers: no agent's.
  static let logID = LogID(high: 0, low: 0)

  private let configuration: UnpackConfiguration
  private let topics: EventTopics
  private let rendersLines: Bool
  private var decoder = BatchDecoder()

  /// As handed over, and how many of its messages were decoded.
  private var received: [EventBatch] = []
  private var decodedCount = 0

  /// Events to pass on; each has a number, those before `first` are passed on.
  private var batches: [StoredBatch] = []
  private(set) var first: SequenceNumber = 1
  private(set) var end: SequenceNumber = 1
  /// What names the events from `first` on; nil: a message that has no identity.
  private var names: [EventIdentity?] = []
  private var pending: Set<EventIdentity> = []
  private var pendingByteCount = 0
  /// The same as text, where they go to standard output.
  private var lines: [UInt8] = []

  private(set) var counts = UnpackCounts()

  init(_ configuration: UnpackConfiguration) {
    self.configuration = configuration
    rendersLines = configuration.upstream == nil
    topics = EventTopics(
      template: configuration.upstream?.topicTemplate ?? "{topic}",
      upstream: configuration.upstream?.name ?? ""
    )
  }

  /// Whether everything handed over is passed on.
  var isEmpty: Bool { received.isEmpty && first == end }

  /// Takes messages that the source handed over.
  mutating func receive(_ batch: EventBatch) { if !batch.isEmpty { received.append(batch) } }

  /// Forgets what was not decoded: the broker has no PUBACK for it, and sends it again.
  mutating func forgetReceived() {
    received.removeAll()
    decodedCount = 0
  }

  /// Decodes as much as there is room for.
  ///
  /// - Parameters:
  ///   - seen: what was passed on in this life or an earlier one.
  ///   - keep: takes what can't be passed on; false: there is no room.
  mutating func decode(seen: SeenTable, keep: (DeadLetter) -> Bool) {
    while let batch = received.first, pendingByteCount < Self.byteCountMax {
      var out = EventBatch()
      while decodedCount < batch.count, pendingByteCount < Self.byteCountMax {
        let message = IncomingMessage(batch, decodedCount)
        decodedCount += 1
        take(message, seen: seen, into: &out, keep: keep)
      }
      if !out.isEmpty {
        batches.append(
          StoredBatch(log: Self.logID, first: end - SequenceNumber(out.count), events: out)
        )
      }
      if decodedCount == batch.count {
        received.removeFirst()
        decodedCount = 0
      }
    }
  }

  private mutating func take(
    _ message: IncomingMessage,
    seen: SeenTable,
    into out: inout EventBatch,
    keep: (DeadLetter) -> Bool
  ) {
    let content: BatchContent
    do throws(BatchFault) {
      if let share = configuration.share, let agent = message.agent, !share.holds(agent: agent) {
        counts.others += 1
        return
      }
      content = try message.content(&decoder)
      if let share = configuration.share, let agent = content.agent, !share.holds(agent: agent) {
        counts.others += 1
        return
      }
    } catch {
      counts.messages += 1
      counts.unreadable += 1
      setAside(message.letter(reason: "can't be unpacked: \(error.what)"), keep: keep)
      return
    }
    counts.messages += 1
    switch content {
    case .gap:
      counts.gaps += 1
      // On the same broker it is where it belongs.
      if isLoop(message.topic) { return }
      append(
        OutgoingMessage(message, topic: message.topic),
        name: nil,
        line: message.payload,
        to: &out
      )
    case .events(let events):
      for event in events { take(event, of: message, seen: seen, into: &out, keep: keep) }
    }
  }

  private mutating func take(
    _ event: ReceivedEvent,
    of message: IncomingMessage,
    seen: SeenTable,
    into out: inout EventBatch,
    keep: (DeadLetter) -> Bool
  ) {
    counts.events += 1
    let isNew = !pending.contains(event.identity) && !seen.contains(event.identity)
    // What the centre lost behind this place it was told of all the same.
    guard isNew || event.isReplay && configuration.passesReplays else {
      counts.repeated += 1
      return
    }
    if !isNew { counts.replayed += 1 }
    if let upstream = configuration.upstream,
      !upstream.topics.contains(where: { $0.matches(event.topic[...]) })
    {
      counts.filtered += 1
      return
    }
    let topic = topics.topic(of: event)
    guard !isLoop(topic[...]) else {
      counts.looping += 1
      let reason = "its topic is among those that are unpacked on the same broker"
      setAside(message.letter(event, reason: reason), keep: keep)
      return
    }
    pending.insert(event.identity)
    var line: [UInt8] = []
    if rendersLines { event.appendObject(to: &line) }
    let outgoing = OutgoingMessage(event, of: message, topic: topic)
    append(outgoing, name: event.identity, line: line[...], to: &out)
  }

  private func isLoop(_ topic: ArraySlice<UInt8>) -> Bool {
    configuration.loopFilters.contains { $0.matches(topic) }
  }

  private mutating func append(
    _ message: OutgoingMessage,
    name: EventIdentity?,
    line: ArraySlice<UInt8>,
    to out: inout EventBatch
  ) {
    if rendersLines {
      lines.append(contentsOf: line)
      lines.append(UInt8(ascii: "\n"))
      pendingByteCount += line.count
    } else {
      out.append(
        topic: message.topic,
        payload: message.payload,
        properties: message.properties,
        clock: ClockReading(boot: 0, wall: 0),
        flags: message.isRetained ? [.qos1, .retained] : .qos1
      )
      pendingByteCount += message.byteCount
    }
    names.append(name)
    end += 1
  }

  private mutating func setAside(_ letter: DeadLetter, keep: (DeadLetter) -> Bool) {
    if keep(letter) { counts.deadLetters += 1 } else { counts.dropped += 1 }
  }

  /// Its events as a log.
  var log: UnpackLog { UnpackLog(batches: batches) }

  /// All lines that are to be written; they count as passed on with ``passedOn(before:into:)``.
  mutating func takeLines() -> [UInt8] {
    defer { lines = [] }
    return lines
  }

  /// What lies before a number has been acknowledged, or set aside, and is seen from now on.
  mutating func passedOn(before cursor: SequenceNumber, into file: inout SeenFile) {
    guard cursor > first else { return }
    let count = Int(min(cursor, end) - first)
    for name in names.prefix(count) {
      guard let name else { continue }
      pending.remove(name)
      file.insert(name)
    }
    names.removeFirst(count)
    first += SequenceNumber(count)
    while let batch = batches.first, batch.end <= first { batches.removeFirst() }
    // Exact where it matters: at the end of what was decoded.
    if first == end { pendingByteCount = 0 }
  }
}

/// Events that wait to be passed on, read as a log is read.
struct UnpackLog {
  fileprivate let batches: [StoredBatch]

  func read(_ from: SequenceNumber) -> ReadResult {
    for batch in batches {
      if let row = batch.index(of: from) { return .events(batch, row: row) }
    }
    return .end
  }
}
