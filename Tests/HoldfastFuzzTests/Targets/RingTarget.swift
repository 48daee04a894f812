import HoldfastEvent
import HoldfastSimulation

@testable import HoldfastRingLog

/// A whole directory: a state, and files with right checksums that say anything.
///
/// The log must start on it, take new events, give them back, and start on what it left.
func fuzzRing(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  let disk = SimulatedDisk(seed: 1)
  fill(disk, &input)
  try exercise(disk)
}

private func fill(_ disk: SimulatedDisk, _ input: inout FuzzInput) {
  let control = input.byte()
  if control & 1 != 0 {
    var slot = stateSlot(body: forgedState(&input), major: control & 0x80 != 0 ? 2 : 1)
    slot += [UInt8](repeating: 0, count: State.slotByteCount - slot.count)
    disk.setContents("ring/state", control & 2 != 0 ? slot : slot + slot)
  } else if control & 2 != 0 {
    disk.setContents("ring/state", input.part())
  }
  if control & 4 != 0 { disk.setContents("ring/dead-letter-central", input.part()) }
  if control & 8 != 0 { disk.setContents("ring/state.new", input.part()) }
  if control & 16 != 0 { disk.setContents("ring/hot-00000009.seg", []) }
  for index in 0..<Int(1 + control >> 5 & 3) where !input.isEmpty {
    var own = FuzzInput(input.part() + input.part())
    let file = forgedSegment(&own)
    let first = UInt64(1 + input.number(below: 600))
    let end = first + UInt64(1 + input.number(below: 60))
    let name =
      input.bool() ? Segment.sealedName(first: first, end: end) : Segment.hotName(index + 1)
    disk.setContents("ring/\(name)", file)
  }
}

/// A body that passes for a state, with numbers as the input says.
private func forgedState(_ input: inout FuzzInput) -> [UInt8] {
  var state = State(log: LogID(high: 1, low: 2), machine: input.bool() ? 7 : 8)
  state.generation = UInt64(input.number(below: 4))
  state.isClean = input.bool()
  let isWild = input.bool()
  func number(_ input: inout FuzzInput) -> UInt64 {
    isWild && input.bool() ? input.unsigned() : UInt64(input.number(below: 700))
  }
  state.epoch = number(&input)
  state.floor = number(&input)
  state.durable = number(&input)
  state.reserved = number(&input)
  for name in ["floor", "gone"].prefix(Int(input.byte() & 3)) {
    var source = SourceLedger(name: name)
    source.received = number(&input)
    source.stored = number(&input)
    state.sources.append(source)
  }
  for name in ["central", "gone"].prefix(Int(input.byte() & 3)) {
    var upstream = UpstreamLedger(name: name, cursor: number(&input))
    upstream.offered = number(&input)
    upstream.delivered = number(&input)
    state.upstreams.append(upstream)
  }
  for _ in 0..<Int(input.byte() & 15) {
    guard let reason = GapReason(rawValue: 1 + input.byte() % 8) else { continue }
    let first = number(&input)
    state.gaps.add(
      GapRecord(
        log: state.log,
        first: first,
        end: first &+ UInt64(input.byte()),
        count: input.bool() ? nil : 3,
        reason: reason,
        topics: [input.part()],
        wall: input.signed()
      )
    )
  }
  return Array(state.encoded.dropFirst(12).dropLast(4))
}

private let now = ClockReading(boot: 90_000_000, wall: 1_700_000_000_000_000)

private func open(_ disk: SimulatedDisk) -> RingLog {
  var configuration = RingConfiguration()
  configuration.segmentByteCountMin = 64 << 10
  configuration.byteCountMax = 32 << 20
  return RingLog(
    disk: disk,
    configuration: configuration,
    sources: ["floor"],
    upstreams: ["central"],
    machine: 7,
    bootID: 1,
    newLog: LogID(high: 3, low: 4),
    now: now
  )
}

private func exercise(_ disk: SimulatedDisk) throws(Finding) {
  var ring = open(disk)
  try check(ring.isRecovered, "a healthy disk, and the log did not start")
  let before = try walk(&ring)
  var events = EventBatch()
  for index in 0..<3 {
    events.append(topic: Array("new/\(index)".utf8), payload: [1, 2, UInt8(index)], clock: now)
  }
  let first = ring.next
  do throws(RingLogError) {
    try ring.append(events, source: 0, now: now)
    try ring.commit(now: now)
  } catch {
    throw Finding("a healthy disk, and \(error)")
  }
  for _ in 0..<8 where ring.work(now: now) {}
  let after = try walk(&ring)
  try checkNew(after, first, ring)
  for (number, image) in before where after[number] != nil {
    try check(after[number] == image, "event \(number) changed")
  }
  disk.kill()
  let inspection = try? RingInspection(disk: disk)
  try check(inspection != nil, "`ring verify` can't look at it")
  _ = inspection?.verify(isLive: false)
  var reopened = open(disk)
  try check(reopened.isRecovered, "the log did not start on what it left")
  try check(reopened.next >= first + 3, "numbers are given out twice")
  try checkNew(try walk(&reopened), first, reopened)
  try check(ring.byteCount <= 4 << 20, "\(ring.byteCount) bytes on disk")
}

private func checkNew(
  _ found: [SequenceNumber: EventImage],
  _ first: SequenceNumber,
  _ ring: borrowing RingLog
) throws(Finding) {
  let story = "\(ring.log.map(\.message)), gaps \(ring.gaps), next \(ring.next)"
  for index in 0..<3 {
    let image = found[first + UInt64(index)]
    let isSame =
      image?.content.payload == [1, 2, UInt8(index)]
      && image?.content.topic == Array("new/\(index)".utf8)
    try check(isSame, "new event \(first + UInt64(index)) is not there: \(story)")
  }
}

/// Everything that the upstream sees, from its cursor to the end, in bounded steps.
private func walk(_ ring: inout RingLog) throws(Finding) -> [SequenceNumber: EventImage] {
  var found: [SequenceNumber: EventImage] = [:]
  var position = ring.upstream(0).cursor
  try check(position <= ring.next, "a cursor beyond the end")
  var passed = 0
  for _ in 0..<20_000 {
    switch ring.read(0, from: position, passedGaps: passed, now: now) {
    case .end:
      try check(position == ring.readableEnd, "reading ends at \(position), not at the end")
      return found
    case .gap(let gap):
      if gap.reason.coversNumbers {
        try check(gap.end > position && gap.first <= position, "a gap that leads nowhere")
        position = gap.end
        passed = 0
      } else {
        passed += 1
      }
    case .events(let batch, let row):
      try checkRanges(batch.events)
      let images = images(batch.events)
      try check(batch.first + UInt64(row) == position, "asked for \(position), got another")
      for index in row..<images.count { found[batch.first + UInt64(index)] = images[index] }
      position = batch.end
      passed = 0
    }
  }
  throw Finding("reading does not end")
}
