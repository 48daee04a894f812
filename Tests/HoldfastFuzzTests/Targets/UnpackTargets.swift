import HoldfastEvent

@testable import HoldfastUnpack

/// Any bytes as a batch: read or refused, and what was read is whole.
func fuzzBatchDecoder(_ bytes: [UInt8]) throws(Finding) {
  var decoder = BatchDecoder()
  let content: BatchContent
  do throws(BatchFault) { content = try decoder.decode(bytes[...]) } catch { return }
  guard case .events(let events) = content else { return }
  for event in events {
    try check(!event.identity.origin.agent.isEmpty, "an event without an agent")
    if case .number(let number) = event.identity.name {
      try check(number > 0 && number < .max, "number \(number)")
    }
    // As it is written for standard output it must come back.
    var line: [UInt8] = []
    event.appendObject(to: &line)
    try check(!line.contains(10), "a line break within a line")
    guard isText(event.identity.origin.agent), isText(event.time) else { continue }
    var again: BatchContent?
    do throws(BatchFault) { again = try decoder.decode(line[...]) } catch {}
    try check(again == .events([event]), "it doesn't come back: \(event)")
  }
}

private func isText(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

/// Any bytes as what was passed on: read or refused, and what was read comes back.
func fuzzSeenTable(_ bytes: [UInt8]) throws(Finding) {
  var table = SeenTable(memoryByteCountMax: 1 << 20)
  let isRead = table.insert(encoded: bytes[...])
  var again = SeenTable(memoryByteCountMax: 1 << 20)
  let encoded = table.encoded
  try check(again.insert(encoded: encoded[...]), "what was written can't be read")
  if isRead { try check(again.encoded == encoded, "it is not what was written") }
}
