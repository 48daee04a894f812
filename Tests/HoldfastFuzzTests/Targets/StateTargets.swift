import HoldfastCodec
import HoldfastEvent
import HoldfastSimulation
import HoldfastUpstream

@testable import HoldfastRingLog

/// The body of a state; magic, length and checksum are added.
func fuzzState(_ bytes: [UInt8]) throws(Finding) {
  let slot = stateSlot(body: bytes)
  guard case .state(let state) = State.read(slot[...]) else { return }
  try check(state.floor > 0 && state.reserved > state.durable, "impossible numbers")
  try checkGaps(state.gaps)
  let again = State.read(state.encoded[...])
  try check(again == .state(state), "a state changes when it is written again")
  try check(state.encoded.count <= State.slotByteCount, "\(state.encoded.count) bytes in a slot")
  // Any byte more or less must not pass the checksum.
  try check(State.read(slot.dropLast()) == .nothing, "a state cut short is read")
}

func stateSlot(body: [UInt8], major: UInt8 = 1) -> [UInt8] {
  var slot: [UInt8] = []
  slot.appendFixed(State.magic)
  slot.append(major)
  slot.append(0)
  slot.appendFixed(UInt16(0))
  slot.appendFixed(UInt32(body.count))
  slot += body
  slot.appendFixed(crc32c(slot[...]))
  return slot
}

/// Sorted, bounded, and no number covered twice.
func checkGaps(_ gaps: GapList) throws(Finding) {
  try check(gaps.records.count <= GapList.countMax, "\(gaps.records.count) gap records")
  var covered: SequenceNumber = 0
  var place: SequenceNumber = 0
  for gap in gaps.records {
    try check(gap.first >= place, "gap records out of order")
    place = gap.first
    try check(gap.reason.coversNumbers || gap.end == gap.first, "a mark that covers numbers")
    guard gap.reason.coversNumbers else { continue }
    try check(gap.first >= covered, "number \(gap.first) is covered twice")
    covered = gap.end
  }
}

/// Records that are added, moved and forgotten in any order.
func fuzzGapList(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  var gaps = GapList()
  var covered: Set<SequenceNumber> = []
  var floor: SequenceNumber = 0
  for _ in 0..<3000 where !input.isEmpty {
    let control = input.byte()
    let first = UInt64(1 + input.number(below: 4000))
    switch control & 3 {
    case 0, 1:
      guard let reason = GapReason(rawValue: 1 + control >> 2 % 8) else { continue }
      let range = first..<first + 1 + UInt64(input.byte() & 15)
      guard reason.coversNumbers else {
        gaps.add(record(first..<first, reason), places: [UInt64(input.byte())])
        continue
      }
      // Whoever adds unused numbers asks first; the others are joined where there are too many.
      if reason == .unused, !gaps.hasRoom(forUnused: range, of: LogID(high: 1, low: 2)) { continue }
      var rest = range
      while let part = gaps.uncovered(rest).first {
        rest = part.upperBound..<max(part.upperBound, range.upperBound)
        gaps.moveMarks(within: part)
        gaps.add(record(part, reason))
        for number in part where number >= floor { covered.insert(number) }
      }
    case 2:
      gaps.removeAll(before: first)
      floor = max(floor, first)
      covered = covered.filter { $0 >= first }
    default:
      let range = first..<first + 20
      let uncovered = gaps.uncovered(range).reduce(0) { $0 + $1.count }
      let counted = GapReason.allCases.reduce(0) { $0 + gaps.coveredCount(range, reason: $1) }
      try check(UInt64(uncovered) + counted == 20, "\(uncovered) + \(counted) of 20")
    }
    try checkGaps(gaps)
  }
  // What was covered once stays covered until every upstream has passed it.
  for number in covered {
    try check(gaps.covering(number) != nil, "number \(number) is covered no more")
  }
}

private func record(_ range: Range<SequenceNumber>, _ reason: GapReason) -> GapRecord {
  GapRecord(
    log: LogID(high: 1, low: 2),
    first: range.lowerBound,
    end: range.upperBound,
    count: UInt64(range.count),
    reason: reason,
    wall: 0
  )
}

/// A record file as it is, or with its checksums mended; then one record more.
func fuzzRecordFile(_ bytes: [UInt8]) throws(Finding) {
  var contents = Array(bytes.dropFirst())
  if (bytes.first ?? 0) & 1 == 0 { mendRecords(&contents) }
  let disk = SimulatedDisk(seed: 1)
  disk.setContents("ring/dead-letter-u", contents)
  let limit = contents.count + 100
  var file = RecordFile(disk: disk, name: "ring/dead-letter-u", byteCountMax: limit)
  guard let before = try? file.records() else { throw Finding("a file in memory can't be read") }
  let used = before.reduce(0) { $0 + $1.count + RecordFile.headerByteCount }
  try check(used <= contents.count, "\(used) bytes of records in \(contents.count)")
  for record in before { try fuzzDeadLetter(Array(record)) }
  let letter: [UInt8] = [1, 2, 3]
  try check(file.append(letter), "a record that fits is refused")
  let after = (try? file.records()) ?? []
  // Whole records behind a damaged one may be reached again once that is overwritten.
  try check(Array(after.prefix(before.count)) == before, "appending changed what was there")
  let appended = after.dropFirst(before.count).first
  try check(appended.map { Array($0) } == letter, "what was appended is not read")
  try check((disk.contents("ring/dead-letter-u") ?? []).count <= limit, "the file grew too large")
  let kept = Array(after.dropFirst())
  let isReplaced: Void? = try? file.replace(with: kept)
  try check(isReplaced != nil, "records can't be replaced on a healthy disk")
  try check((try? file.records()) == kept, "replacing kept something else")
}

private func mendRecords(_ contents: inout [UInt8]) {
  var offset = 0
  while offset + RecordFile.headerByteCount <= contents.count {
    var reader = ByteReader(contents[offset...])
    let start = offset + RecordFile.headerByteCount
    // Sizes are brought down, so that several records fit into a short input.
    let count = min(Int(reader.fixed(UInt32.self) ?? 0) & 0xff, contents.count - start)
    contents.store(UInt32(count), at: offset)
    contents.store(crc32c(contents[start..<(start + count)]), at: offset + 4)
    offset = start + count
    if count == 0 { return }
  }
}

/// The bytes of one dead letter.
func fuzzDeadLetter(_ bytes: [UInt8]) throws(Finding) {
  guard let letter = DeadLetter(record: bytes[...]) else { return }
  let parts = letter.topic.count + letter.payload.count + letter.properties.count
  try check(parts <= bytes.count, "\(parts) bytes out of \(bytes.count)")
  try check(DeadLetter(record: letter.record[...]) == letter, "a letter changes in the file")
  for count in 0..<min(letter.record.count, 64) {
    try check(DeadLetter(record: letter.record.prefix(count)) == nil, "cut to \(count), and read")
  }
}

/// Encoded event properties.
func fuzzEventProperties(_ bytes: [UInt8]) throws(Finding) {
  let properties = EventProperties(encoded: bytes[...])
  let size = properties.pairs.reduce(properties.contentType?.count ?? 0) {
    $0 + $1.name.count + $1.value.count
  }
  try check(size <= bytes.count, "\(size) bytes out of \(bytes.count)")
  let again = EventProperties(encoded: properties.encoded[...])
  try check(again == properties, "properties change when they are stored")
}
