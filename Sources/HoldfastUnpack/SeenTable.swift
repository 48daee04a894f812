internal import HoldfastEvent

/// What was passed on, of all agents: bounded memory, and bytes to keep it in a file.
///
/// What falls out for want of room is counted and is the oldest: should it come again, it is
/// passed on again. Nothing is ever taken for seen that was not.
struct SeenTable: Sendable {
  /// Bytes of memory that a table takes at most, about; the least recently used logs fall out.
  static let memoryByteCountMaxDefault = 64 << 20

  private let memoryByteCountMax: Int
  private var logs: [Origin: SeenLog] = [:]
  private var useCount: UInt64 = 0
  private var memoryByteCount = 0
  /// Ranges of numbers, and results, that fell out; a log that fell out counts with all of its.
  private(set) var forgottenCount: UInt64 = 0

  init(memoryByteCountMax: Int = Self.memoryByteCountMaxDefault) {
    self.memoryByteCountMax = memoryByteCountMax
  }

  var isEmpty: Bool { logs.isEmpty }
  /// How many logs it knows.
  var logCount: Int { logs.count }

  func contains(_ identity: EventIdentity) -> Bool {
    logs[identity.origin]?.contains(identity.name) ?? false
  }

  mutating func insert(_ identity: EventIdentity) {
    change(identity.origin) { log in
      switch identity.name {
      case .number(let number): log.insert(number..<number &+ 1)
      case .result(let text): log.insert(result: text)
      }
    }
  }

  private mutating func change(_ origin: Origin, _ body: (inout SeenLog) -> Int) {
    useCount += 1
    // Taken out while it changes, so that its arrays are not copied.
    var log = logs.removeValue(forKey: origin) ?? SeenLog()
    if log.usedAt > 0 { memoryByteCount -= log.memoryByteCount + origin.agent.count }
    forgottenCount += UInt64(body(&log))
    log.usedAt = useCount
    memoryByteCount += log.memoryByteCount + origin.agent.count
    logs[origin] = log
    while memoryByteCount > memoryByteCountMax, logs.count > 1 { forgetLeastRecentlyUsed() }
  }

  private mutating func forgetLeastRecentlyUsed() {
    guard let (origin, log) = logs.min(by: { $0.value.usedAt < $1.value.usedAt }) else { return }
    logs[origin] = nil
    memoryByteCount -= log.memoryByteCount + origin.agent.count
    forgottenCount += UInt64(log.numbers.ranges.count + log.results.count)
  }
}

// The bytes of a table. All numbers are variable: seven bits per byte, lowest first, the highest
// bit set on all but the last (LEB128).
//
//     version = 1 | count of logs, and of each, least recently used first:
//       byte count and bytes of the agent's id | 16 bytes of the log's, highest first
//       count of ranges, and of each: numbers between it and the one before | its length
//       count of results, and of each: byte count and bytes

extension SeenTable {
  static let version: UInt8 = 1

  var encoded: [UInt8] {
    var bytes: [UInt8] = [Self.version]
    bytes.append(variable: UInt64(logs.count))
    for (origin, log) in logs.sorted(by: { $0.value.usedAt < $1.value.usedAt }) {
      bytes.append(part: origin.agent)
      for half in [origin.log.high, origin.log.low] {
        for shift in stride(from: 56, through: 0, by: -8) {
          bytes.append(UInt8(truncatingIfNeeded: half >> UInt64(shift)))
        }
      }
      bytes.append(variable: UInt64(log.numbers.ranges.count))
      var end: UInt64 = 0
      for range in log.numbers.ranges {
        bytes.append(variable: range.lowerBound - end)
        bytes.append(variable: range.upperBound - range.lowerBound)
        end = range.upperBound
      }
      bytes.append(variable: UInt64(log.results.count))
      for result in log.results { bytes.append(part: result) }
    }
    return bytes
  }

  /// Adds what `encoded` wrote; false where it can't be read, and then a part may be added.
  mutating func insert(encoded: ArraySlice<UInt8>) -> Bool {
    var reader = VariableReader(rest: encoded.dropFirst())
    guard encoded.first == Self.version, let logCount = reader.number() else { return false }
    for _ in 0..<logCount {
      guard let agent = reader.part(), let high = reader.fixed(), let low = reader.fixed(),
        let rangeCount = reader.number()
      else { return false }
      let origin = Origin(agent: Array(agent), log: LogID(high: high, low: low))
      var end: UInt64 = 0
      for _ in 0..<rangeCount {
        guard let distance = reader.number(), let count = reader.number(), count > 0 else {
          return false
        }
        let (start, isOver) = end.addingReportingOverflow(distance)
        let (next, isOverToo) = start.addingReportingOverflow(count)
        if isOver || isOverToo { return false }
        end = next
        change(origin) { $0.insert(start..<next) }
      }
      guard let resultCount = reader.number() else { return false }
      for _ in 0..<resultCount {
        guard let result = reader.part() else { return false }
        change(origin) { $0.insert(result: Array(result)) }
      }
    }
    return reader.rest.isEmpty
  }
}

extension [UInt8] {
  fileprivate mutating func append(variable value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }

  fileprivate mutating func append(part: [UInt8]) {
    append(variable: UInt64(part.count))
    append(contentsOf: part)
  }
}

private struct VariableReader {
  var rest: ArraySlice<UInt8>

  mutating func number() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let byte = rest.popFirst() {
      let bits = UInt64(byte & 0x7F)
      guard shift < 64, (bits << shift) >> shift == bits else { return nil }
      value |= bits << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }

  /// Eight bytes, highest first.
  mutating func fixed() -> UInt64? {
    guard rest.count >= 8 else { return nil }
    let value = rest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    rest = rest.dropFirst(8)
    return value
  }

  mutating func part() -> ArraySlice<UInt8>? {
    guard let count = number(), count <= UInt64(rest.count) else { return nil }
    defer { rest = rest.dropFirst(Int(count)) }
    return rest.prefix(Int(count))
  }
}
