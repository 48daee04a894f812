import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream
import Testing

let second: Int64 = 1_000_000

/// A message as the shell would publish it.
struct Message: Equatable {
  var tag: UInt64
  var topic: String
  var payload: [UInt8]
  var properties: EventProperties
  var isRetained: Bool
  /// Of a record of Kafka's.
  var key: String
  var wall: Int64

  init(_ row: MessageBatch.Row, in bytes: [UInt8]) {
    tag = row.tag
    topic = String(decoding: bytes[row.topicRange], as: UTF8.self)
    payload = Array(bytes[row.payloadRange])
    properties = EventProperties(encoded: bytes[row.propertiesRange])
    isRetained = row.isRetained
    key = String(decoding: bytes[row.keyRange], as: UTF8.self)
    wall = row.wall
  }

  var text: String { String(decoding: payload, as: UTF8.self) }
  var contentType: String? { properties.contentType.map { String(decoding: $0, as: UTF8.self) } }

  /// The value of the first user property of that name.
  subscript(name: String) -> String? {
    properties.pairs.first { $0.name == Array(name.utf8) }
      .map { String(decoding: $0.value, as: UTF8.self) }
  }
}

/// A forwarder with a fake log, and the shell's part played by the test.
struct Bench {
  var log = FakeLog()
  var forwarder: Forwarder
  var now: Int64 = 1000 * second
  var connects: [ProtocolVersion] = []
  /// Which broker of the list was connected to, each time.
  var places: [Int] = []
  var questionCount = 0
  var disconnectCount = 0
  /// Everything published, in order, and what of it the test has not yet looked at.
  var published: [Message] = []
  var unseen: [Message] = []
  var lines: [LogEntry] = []
  var letters: [DeadLetter] = []
  var letterCountMax = Int.max
  /// Whether pictures of the stages can be saved, and what was saved last.
  var savesStages = true
  var picturesByteCountMax = 1 << 20
  var pictures: [[UInt8]] = []

  init(
    topics: [String] = ["#"],
    cursor: SequenceNumber = 1,
    ledger: UpstreamLedger? = nil,
    pictures: [[UInt8]] = [],
    _ change: (inout UpstreamConfiguration) -> Void = { _ in }
  ) {
    var configuration = UpstreamConfiguration(
      name: "central",
      link: LinkConfiguration(host: "central", port: 1883),
      topics: topics.compactMap { TopicFilter($0) }
    )
    // Tests of other things want the window at once.
    configuration.rampStart = 1000
    change(&configuration)
    forwarder = Forwarder(
      configuration: configuration,
      agentID: "edge-1",
      ledger: ledger ?? UpstreamLedger(name: "central", cursor: cursor),
      sources: ["floor"],
      log: FakeLog.id,
      saved: .pictures(pictures.map { $0[...] }),
      seed: 7
    )
  }

  var ledger: UpstreamLedger { forwarder.ledger }

  mutating func step() {
    var actions: [Forwarder.Action] = []
    let log = log
    var letters = letters
    let letterCountMax = letterCountMax
    forwarder.readableEnd = log.end
    forwarder.step(
      now: now,
      read: { log.read($0, $1) },
      keep: { letter in
        guard letters.count < letterCountMax else { return false }
        letters.append(letter)
        return true
      },
      into: &actions
    )
    self.letters = letters
    if !forwarder.configuration.stages.isEmpty { saveStages() }
    for action in actions {
      switch action {
      case .connect(let version, let place):
        connects.append(version)
        places.append(place)
      case .ask: questionCount += 1
      case .disconnect: disconnectCount += 1
      case .publish(let batch):
        let messages = batch.rows.map { Message($0, in: batch.bytes) }
        published += messages
        unseen += messages
      case .log(let line): lines.append(line)
      }
    }
  }

  /// As the agent does behind each step.
  private mutating func saveStages() {
    if forwarder.takeDivision() { forwarder.divisionSaved() }
    forwarder.considerSnapshot { $0 }
    guard savesStages,
      let records = forwarder.snapshotsToSave(
        saved: ledger,
        byteCountMax: picturesByteCountMax
      )
    else { return }
    pictures = records
    forwarder.snapshotEnded(isSaved: true)
  }

  /// The messages published since the last call.
  mutating func take() -> [Message] {
    defer { unseen = [] }
    return unseen
  }

  mutating func connect(
    _ version: ProtocolVersion = .v5,
    receiveMaximum: Int = 65_535,
    packetByteCountMax: Int? = nil
  ) {
    forwarder.start(now: now)
    for _ in 0..<3 where !forwarder.isConnected {
      if let wake = forwarder.wakeAt { now = max(now, wake) }
      let count = connects.count
      step()
      if connects.count > count {
        forwarder.connected(
          SessionGrant(
            protocolVersion: version,
            isSessionPresent: false,
            receiveMaximum: receiveMaximum,
            packetByteCountMax: packetByteCountMax
          ),
          now: now
        )
      }
    }
    step()
  }

  mutating func close(_ kind: LinkFailure.Kind = .closed) {
    unseen = []
    forwarder.closed(LinkFailure(kind, "test"), now: now)
    step()
  }

  mutating func acknowledge(_ messages: [Message], _ reasonCode: UInt8 = 0) {
    forwarder.acknowledged(
      messages.map { Acknowledgement(tag: $0.tag, reasonCode: reasonCode) },
      now: now
    )
    step()
  }

  /// Lets the clock run to the next instant the forwarder asked for.
  mutating func wake() throws {
    now = max(now, try #require(forwarder.wakeAt))
    step()
  }

  /// Acknowledges whatever is published until nothing more comes.
  mutating func drain() {
    for _ in 0..<10_000 {
      let messages = take()
      if messages.isEmpty { return }
      acknowledge(messages)
    }
  }
}
