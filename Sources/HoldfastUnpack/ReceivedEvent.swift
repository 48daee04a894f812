public import HoldfastEvent

/// Who numbered an event: one log of one agent.
public struct Origin: Hashable, Sendable {
  /// The agent's id, UTF-8 as received.
  public var agent: [UInt8]
  /// The log of that agent.
  public var log: LogID

  /// Made of its parts.
  public init(agent: [UInt8], log: LogID) {
    self.agent = agent
    self.log = log
  }
}

/// What names an event, or a result of stages, for ever, however often it is sent.
public struct EventIdentity: Hashable, Sendable {
  /// What it is called within its log.
  public enum Name: Hashable, Sendable {
    case number(SequenceNumber)
    /// The identity of a result, as its agent wrote it.
    case result([UInt8])
  }

  /// The log that it belongs to.
  public var origin: Origin
  /// What it is called there.
  public var name: Name

  /// Made of its parts.
  public init(origin: Origin, name: Name) {
    self.origin = origin
    self.name = name
  }
}

/// One event, as a batch or a message of its own brought it.
public struct ReceivedEvent: Equatable, Sendable {
  /// What names it.
  public var identity: EventIdentity
  /// When it arrived at its agent, as RFC 3339 text.
  public var time: [UInt8]
  /// The topic that the sensor published it to.
  public var topic: [UInt8]
  /// The payload, byte for byte.
  public var payload: [UInt8]
  /// It was a retained message.
  public var isRetained = false
  /// The sensors' broker may have handed it over twice.
  public var isPossiblyRedelivered = false
  /// A stage kept it back for a while.
  public var isHistorical = false
  /// It was asked for again, and has been delivered once already.
  public var isReplay = false

  /// An event without marks.
  public init(identity: EventIdentity, time: [UInt8], topic: [UInt8], payload: [UInt8]) {
    self.identity = identity
    self.time = time
    self.topic = topic
    self.payload = payload
  }
}

extension LogID {
  /// The id that 32 hexadecimal digits mean; nil for any other text.
  public init?(digits: ArraySlice<UInt8>) {
    guard digits.count == 32 else { return nil }
    var halves: [UInt64] = [0, 0]
    for (place, digit) in digits.enumerated() {
      let value: UInt8
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - 0x30
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - 0x57
      default: return nil
      }
      halves[place / 16] = halves[place / 16] << 4 | UInt64(value)
    }
    self.init(high: halves[0], low: halves[1])
  }
}

/// The number that decimal digits mean; nil for any other text, and beyond 64 bits.
func decimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
  guard !digits.isEmpty, digits.count <= 20 else { return nil }
  var value: UInt64 = 0
  for digit in digits {
    guard (0x30...0x39).contains(digit) else { return nil }
    let (product, isOver) = value.multipliedReportingOverflow(by: 10)
    let (sum, isOverToo) = product.addingReportingOverflow(UInt64(digit - 0x30))
    if isOver || isOverToo { return nil }
    value = sum
  }
  return value
}

/// The bytes that RFC 4648 base64 with padding means; nil where it is none.
func bytes(base64 text: ArraySlice<UInt8>) -> [UInt8]? {
  guard text.count.isMultiple(of: 4) else { return nil }
  var bytes: [UInt8] = []
  bytes.reserveCapacity(text.count / 4 * 3)
  var word: UInt32 = 0
  var bitCount: UInt32 = 0
  let padding = text.suffix(2).reduce(0) { $0 + ($1 == UInt8(ascii: "=") ? 1 : 0) }
  for letter in text.dropLast(padding) {
    let value: UInt8
    switch letter {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = letter - 65
    case UInt8(ascii: "a")...UInt8(ascii: "z"): value = letter - 71
    case UInt8(ascii: "0")...UInt8(ascii: "9"): value = letter + 4
    case UInt8(ascii: "+"): value = 62
    case UInt8(ascii: "/"): value = 63
    default: return nil
    }
    word = word << 6 | UInt32(value)
    bitCount += 6
    if bitCount >= 8 {
      bitCount -= 8
      bytes.append(UInt8(truncatingIfNeeded: word >> bitCount))
      word &= 1 << bitCount - 1
    }
  }
  // Bits that no byte takes are zero, or the text was cut.
  return word == 0 && bitCount < 6 ? bytes : nil
}
