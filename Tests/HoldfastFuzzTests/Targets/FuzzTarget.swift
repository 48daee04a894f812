import HoldfastEvent

/// A function of outside bytes: libFuzzer calls it by the million, the test run once for each
/// committed input.
///
/// It feeds the bytes to real code and judges what comes out, as a pure function: the same bytes
/// give the same verdict. A trap is as bad as a ``Finding``.
struct FuzzTarget: Sendable {
  /// Names the folder of its inputs, and the argument of `scripts/fuzz.sh`.
  var name: String
  /// Throws a ``Finding`` when what came out is wrong.
  var run: @Sendable ([UInt8]) throws(Finding) -> Void

  init(_ name: String, _ run: @escaping @Sendable ([UInt8]) throws(Finding) -> Void) {
    self.name = name
    self.run = run
  }
}

/// What came out is wrong.
struct Finding: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}

/// Every target, in the order of an event's way.
///
/// A scanner or decoder of outside bytes that is added to Holdfast gets a line here, and at least
/// one input in `Corpus`.
let fuzzTargets: [FuzzTarget] = [
  FuzzTarget("configuration", fuzzConfiguration),
  FuzzTarget("key-positions", fuzzKeyPositions),
  FuzzTarget("units", fuzzUnits),
  FuzzTarget("broker-address", fuzzBrokerAddress),
  FuzzTarget("words", fuzzWords),
  FuzzTarget("topic-filter", fuzzTopicFilter),
  FuzzTarget("topic-template", fuzzTopicTemplate),
  FuzzTarget("mqtt-callbacks", fuzzMosquittoCallbacks),
  FuzzTarget("tag-table", fuzzTagTable),
  FuzzTarget("link", fuzzLink),
  FuzzTarget("event-properties", fuzzEventProperties),
  FuzzTarget("field-path", fuzzFieldPath),
  FuzzTarget("payload-json", fuzzJSONPayload),
  FuzzTarget("payload-text", fuzzTextPayload),
  FuzzTarget("payload-cbor", fuzzCBORPayload),
  FuzzTarget("payload-messagepack", fuzzMessagePackPayload),
  FuzzTarget("payload-line", fuzzLinePayload),
  FuzzTarget("payload-sparkplug", fuzzSparkplugPayload),
  FuzzTarget("rows", fuzzRows),
  FuzzTarget("row-encoder", fuzzRowEncoder),
  FuzzTarget("block-header", fuzzBlockHeader),
  FuzzTarget("blocks", fuzzBlocks),
  FuzzTarget("segment-file", fuzzSegmentFile),
  FuzzTarget("segment-damage", fuzzSegmentDamage),
  FuzzTarget("zstd", fuzzDecompression),
  FuzzTarget("state-file", fuzzState),
  FuzzTarget("gap-list", fuzzGapList),
  FuzzTarget("ring", fuzzRing),
  FuzzTarget("record-file", fuzzRecordFile),
  FuzzTarget("dead-letter", fuzzDeadLetter),
  FuzzTarget("event-format", fuzzEventFormat),
  FuzzTarget("event-object", fuzzEventObject),
  FuzzTarget("batch-format", fuzzBatchFormat),
  FuzzTarget("batch-decoder", fuzzBatchDecoder),
  FuzzTarget("seen-table", fuzzSeenTable),
  FuzzTarget("gap-format", fuzzGapFormat),
  FuzzTarget("text", fuzzText),
  FuzzTarget("clock", fuzzClock),
]

func check(
  _ isRight: Bool,
  _ what: @autoclosure () -> String
) throws(Finding) {
  if !isRight { throw Finding(what()) }
}

/// Takes numbers and texts off the front of an input; zeros once it is used up.
struct FuzzInput {
  private var bytes: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

  var isEmpty: Bool { bytes.isEmpty }
  /// What is left.
  var rest: [UInt8] { Array(bytes) }

  mutating func byte() -> UInt8 { bytes.popFirst() ?? 0 }

  mutating func bool() -> Bool { byte() & 1 == 1 }

  /// In `0..<bound`, from two bytes.
  mutating func number(below bound: Int) -> Int {
    let value = Int(byte()) | Int(byte()) << 8
    return value % max(1, bound)
  }

  mutating func unsigned() -> UInt64 {
    var value: UInt64 = 0
    for shift in 0..<8 { value |= UInt64(byte()) << UInt64(8 * shift) }
    return value
  }

  mutating func signed() -> Int64 { Int64(bitPattern: unsigned()) }

  /// As many bytes as the next one says, or what is left.
  mutating func part() -> [UInt8] {
    let count = Int(byte())
    defer { bytes = bytes.dropFirst(count) }
    return Array(bytes.prefix(count))
  }

  /// A few events of any content, with times that rise or not.
  mutating func events(countMax: Int, sourceCount: Int = 3) -> EventBatch {
    var batch = EventBatch()
    var clock = ClockReading(boot: 5_000_000, wall: 1_700_000_000_000_000)
    while !isEmpty && batch.count < countMax {
      let control = byte()
      if control & 0x80 != 0 { clock.wall &+= Int64(Int8(bitPattern: byte())) * 100_000 }
      clock.boot += Int64(byte()) * 700
      clock.wall &+= Int64(byte()) * 700
      var flags = EventFlags(rawValue: control & 7)
      if control & 8 != 0 { flags.formUnion(.qos1) }
      batch.append(
        topic: part(),
        payload: part(),
        properties: control & 0x40 != 0 ? part() : [],
        clock: clock,
        source: (control >> 4 & 3) % UInt8(max(1, sourceCount)),
        flags: flags
      )
    }
    return batch
  }
}
