import HoldfastEvent
import HoldfastRingLog
import HoldfastStage

/// Writes events and under each what the stages did to it, and why.
struct StageExplainer {
  /// Most bytes of a payload that are shown.
  private static let payloadByteCountMax = 120

  /// Only what concerns matching topics; nil: all.
  var filter: TopicFilter?
  /// Events that may still be written.
  private(set) var rest: Int
  private var output = StandardOutput()

  init(filter: TopicFilter?, count: Int?) {
    self.filter = filter
    rest = count ?? .max
  }

  /// Lets what stands in the log go through the stages, and writes it.
  mutating func take(
    _ item: RingWalk.Item,
    of ring: RingInspection,
    through run: inout CandidateRun?
  ) throws {
    switch item {
    case .events(let batch, let start):
      run?.beginBatch()
      for index in start..<batch.events.count where rest > 0 {
        try take(batch, index, of: ring, through: &run)
      }
    case .gap(let gap):
      run?.gap(gap)
      try output.write(line: "-- gap \(gap.text)")
    case .released(let range):
      try output.write(line: "-- passed \(range.lowerBound)-\(range.upperBound - 1)")
    case .unreadable(let range):
      try output.write(line: "-- unreadable \(range.lowerBound)-\(range.upperBound - 1)")
    }
  }

  /// Lets one event go through the stages, and writes it.
  mutating func take(
    _ batch: StoredBatch,
    _ index: Int,
    of ring: RingInspection,
    through run: inout CandidateRun?
  ) throws {
    let (events, number) = (batch.events, batch.first + UInt64(index))
    run?.step(events.rows[index], of: events.bytes, number: number) { ring.recall($0) }
    guard let run else { return }
    let isTick = events.rows[index].flags.contains(.tick)
    let isWanted = !isTick && filter?.matches(events.topic(index)) ?? true
    var lines: [String] = []
    let slot = Int(events.rows[index].source)
    if slot < run.sources.count, let source = run.sources[slot], source.isReached {
      append(acts(source, number, isWanted), "source \(source.name) ", to: &lines)
    }
    for upstream in run.upstreams where upstream.isReached {
      let acts = acts(upstream, number, isWanted)
      append(acts, "", to: &lines)
      if isWanted || !acts.isEmpty { lines.append("    => \(sent(upstream, number))") }
    }
    if isWanted && !run.upstreams.contains(where: \.isReached) {
      let isKept = slot < run.sources.count && run.sources[slot]?.run.output.isEmpty == true
      lines.append(isKept ? "    => not stored" : "    => not among the upstream's topics")
    }
    if lines.isEmpty { return }
    let time = rfc3339(wallMicroseconds: events.rows[index].wall)
    let what =
      isTick ? "-- tick" : "\(printable(events.topic(index)))  \(cut(events.payload(index)))"
    try output.write(line: "\(number)  \(time)  \(what)")
    for line in lines { try output.write(line: line) }
    if isWanted { rest -= 1 }
  }

  mutating func flush() throws { try output.flush() }

  /// What the stages of a source or upstream did; of an event that isn't wanted, only what it let
  /// go of topics that are.
  private func acts(
    _ part: CandidateRun.Part,
    _ number: SequenceNumber,
    _ isWanted: Bool
  ) -> [String] {
    part.run.acts.compactMap { act in
      let isOwn = act.event.number == number && act.event.result == nil
      // A stage with other topics has nothing to say.
      guard act.kind != .passedBy, isOwn ? isWanted : filter?.matches(act.topic[...]) ?? true
      else { return nil }
      let type = part.run.typeName(act.place)
      return "\(act.place + 1) \(type): \(act.text(of: part.run.bytes, isOwn, cut))"
    }
  }

  private func append(_ acts: [String], _ prefix: String, to lines: inout [String]) {
    for act in acts { lines.append("    \(prefix)\(act)") }
  }

  /// What leaves for an upstream.
  private func sent(_ part: CandidateRun.Part, _ number: SequenceNumber) -> String {
    let sent = part.run.output.map { event in
      event.result != nil ? "a result" : event.number == number ? "this" : "#\(event.number)"
    }
    let shown = sent.prefix(8).joined(separator: ", ")
    let more = sent.count > 8 ? " and \(sent.count - 8) more" : ""
    return "\(sent.isEmpty ? "nothing" : shown + more) to \(part.name)"
  }

  private func cut(_ bytes: ArraySlice<UInt8>) -> String {
    if bytes.count <= Self.payloadByteCountMax { return printable(bytes) }
    var part = bytes.prefix(Self.payloadByteCountMax)
    // Not within a character: continuation bytes begin with the bits 10.
    while bytes[part.endIndex] & 0xC0 == 0x80 && !part.isEmpty { part.removeLast() }
    return "\(printable(part))… (\(bytes.count) bytes)"
  }
}

extension StageAct {
  /// For people.
  fileprivate func text(
    of bytes: [UInt8],
    _ isOwn: Bool,
    _ cut: (ArraySlice<UInt8>) -> String
  ) -> String {
    let topic = printable(bytes[event.row.topicRange])
    let payload = cut(bytes[event.row.payloadRange])
    let why = reason.isEmpty ? "" : ": \(reason)"
    let who =
      isOwn
      ? "" : event.result == nil ? "#\(event.number) " : "result for \(printable(self.topic[...])) "
    switch kind {
    case .passedBy: return "\(who)passed by, other topics"
    case .passed: return "\(who)passed\(why)"
    case .changed: return "\(who)changed to \(topic) \(payload)"
    case .keptBack: return "\(who)kept back\(why)"
    case .aggregated: return "\(who)went into \(reason)"
    case .setAside: return "\(who)set aside\(why)"
    case .letGo:
      let mark = event.isHistorical ? ", historical" : ""
      return "held #\(event.number) let go\(mark)\(why)  \(topic) \(payload)"
    case .result: return "result\(why)  \(topic) \(payload)"
    }
  }
}
