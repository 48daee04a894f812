import ArgumentParser
import Glibc

/// A sensors' broker that sends to its one subscriber as fast as that acknowledges.
struct BlastCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "blast",
    abstract: "Be a sensors' broker that sends at full speed.",
    discussion: """
      Waits for a subscriber, sends it --count events at QoS 1, and prints one line of JSON when \
      the last is acknowledged. A subscriber that comes back gets the unacknowledged ones again.
      """
  )

  @Option(help: "Port on 127.0.0.1.")
  var port: UInt16
  @Option(help: "Events in all.")
  var count = 1_000_000
  @Option(help: "Bytes of a payload; default: as they come. Scalars only.")
  var payloadSize: Int?
  @Option(help: "scalar, json or mixed.")
  var kind = Fleet.Kind.scalar
  @Option(help: "How many topics.")
  var topics = 300
  @Option(help: "Events per second; 0: as fast as they are acknowledged.")
  var rate = 0.0
  @Option(
    help: "Events in flight; default: the subscriber's Receive Maximum, or 20 on MQTT 3.1.1."
  )
  var window: Int?
  @Option(help: "Stay connected for so many seconds after the last acknowledgement.")
  var linger = 0.0

  func validate() throws {
    guard count > 0, count < 1_000_000_000 else { throw ValidationError("--count: 1 to 10^9") }
    guard (1...100_000).contains(topics) else { throw ValidationError("--topics: 1 to 100000") }
    guard payloadSize == nil || kind == .scalar else {
      throw ValidationError("--payload-size goes with --kind scalar")
    }
    if let window, !(1...65_535).contains(window) { throw ValidationError("--window: 1 to 65535") }
  }

  func run() throws {
    let listener = try listenOnLoopback(port: port)
    var blast = Blast(options: self)
    say(#"{"listening":\#(port)}"#)
    var end: Double?
    while !StopSignal.isSet, monotonicSeconds() < end ?? .infinity {
      var descriptor = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
      guard poll(&descriptor, 1, 100) > 0 else { continue }
      let socket = accept(listener, nil, nil)
      guard socket >= 0 else { continue }
      let connection = PeerConnection(descriptor: socket)
      blast.serve(connection, until: end)
      guard blast.isDone, end == nil else { continue }
      say(blast.summary)
      end = monotonicSeconds() + linger
      blast.serve(connection, until: end)
    }
  }
}

private struct Blast {
  /// PUBLISH packets, ready but for packet identifier and counter.
  private struct Template {
    var bytes: [UInt8]
    var identifierOffset: Int
    var counterOffset: Int
  }

  /// Ten digits from the first to the last event, so that each fits its template.
  private static let firstCounter = 1_000_000_000
  private static let templateCount = 8192
  private static let outputByteCountMax = 256 << 10

  private let options: BlastCommand
  private let templates: [Template]
  private var sentCount = 0
  private var acknowledgedCount = 0
  private var strangeCount = 0
  private var resentCount = 0
  private var startTime = 0.0
  private var endTime = 0.0
  private var hasSession = false

  init(options: BlastCommand) {
    self.options = options
    let fleet = Fleet(seed: 1, topicCount: options.topics, kind: options.kind, padding: 0)
    templates = (0..<max(Self.templateCount, options.topics)).map { index in
      let topic = index % options.topics
      var payload = fleet.payload(topic: topic, counter: Self.firstCounter + index)
      if let size = options.payloadSize {
        let more = fleet.payload(topic: topic, counter: index).dropFirst()
        while payload.count < size { payload += Array(more.prefix(size - payload.count)) }
        payload = Array(payload.prefix(max(size, 10)))
      }
      return Self.template(topic: Array(fleet.topic(topic).utf8), payload: payload)
    }
  }

  var isDone: Bool { acknowledgedCount >= options.count }

  var summary: String {
    let seconds = max(endTime - startTime, 1e-6)
    return #"{"sent":\#(sentCount),"acknowledged":\#(acknowledgedCount)"#
      + #","out_of_order":\#(strangeCount),"resent":\#(resentCount)"#
      + #","seconds":\#(Double(Int(seconds * 1000)) / 1000)"#
      + #","events_per_second":\#(Int(Double(acknowledgedCount) / seconds))}"#
  }

  /// Serves one connection until it closes, all is acknowledged, or, then, until `end`.
  mutating func serve(_ connection: PeerConnection, until end: Double?) {
    resentCount += sentCount - acknowledgedCount
    sentCount = acknowledgedCount
    while !StopSignal.isSet, monotonicSeconds() < end ?? .infinity {
      if connection.isSubscribed { fill(connection) }
      guard connection.flush() else { return }
      let isWriting = connection.waitingByteCount > 0
      var descriptor = pollfd(
        fd: connection.descriptor,
        events: Int16(POLLIN) | (isWriting ? Int16(POLLOUT) : 0),
        revents: 0
      )
      if poll(&descriptor, 1, options.rate > 0 ? 2 : 100) > 0,
        descriptor.revents & ~Int16(POLLOUT) != 0
      {
        guard receive(connection) else { return }
        hasSession = hasSession || connection.isSubscribed
      }
      if isDone, end == nil { return }
    }
  }

  private mutating func fill(_ connection: PeerConnection) {
    if startTime == 0 { startTime = monotonicSeconds() }
    let announced = connection.version == 5 ? connection.receiveMaximum : 20
    let window = options.window ?? (announced > 0 ? announced : 65_535)
    var limit = min(options.count, acknowledgedCount + window)
    if options.rate > 0 {
      limit = min(limit, Int((monotonicSeconds() - startTime) * options.rate))
    }
    while sentCount < limit, connection.waitingByteCount < Self.outputByteCountMax {
      append(sentCount, to: connection)
      sentCount += 1
    }
  }

  private func append(_ number: Int, to connection: PeerConnection) {
    let template = templates[number % templates.count]
    var start = connection.output.count
    // MQTT 5 has one more byte: no properties.
    if connection.version == 5 {
      Self.appendHeader(length: template.bytes.count + 1, to: &connection.output)
      start = connection.output.count
      connection.output += template.bytes[..<(template.identifierOffset + 2)]
      connection.output.append(0)
      connection.output += template.bytes[(template.identifierOffset + 2)...]
    } else {
      Self.appendHeader(length: template.bytes.count, to: &connection.output)
      start = connection.output.count
      connection.output += template.bytes
    }
    let identifier = Self.identifier(number)
    connection.output[start + template.identifierOffset] = UInt8(identifier >> 8)
    connection.output[start + template.identifierOffset + 1] = UInt8(identifier & 0xFF)
    var position = start + template.counterOffset + (connection.version == 5 ? 1 : 0) + 9
    var rest = Self.firstCounter + number
    for _ in 0..<10 {
      connection.output[position] = UInt8(ascii: "0") + UInt8(rest % 10)
      (rest, position) = (rest / 10, position - 1)
    }
  }

  private mutating func receive(_ connection: PeerConnection) -> Bool {
    let before = acknowledgedCount
    let isAlive = connection.receive(
      hasSession: hasSession,
      onPublish: { _ in },
      onAcknowledgement: { identifier in
        if identifier != Self.identifier(acknowledgedCount) { strangeCount += 1 }
        acknowledgedCount += 1
      }
    )
    if acknowledgedCount > before { endTime = monotonicSeconds() }
    return isAlive
  }

  /// 1 to 65,535, over and over.
  private static func identifier(_ number: Int) -> Int { number % 65_535 + 1 }

  private static func appendHeader(length: Int, to bytes: inout [UInt8]) {
    bytes.append(0x32)
    var rest = length
    while rest > 127 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private static func template(topic: [UInt8], payload: [UInt8]) -> Template {
    var bytes = [UInt8(topic.count >> 8), UInt8(topic.count & 0xFF)]
    bytes += topic
    let identifierOffset = bytes.count
    bytes += [0, 0]
    let isJSON = payload.first == UInt8(ascii: "{")
    let counterOffset = bytes.count + (isJSON ? 5 : 0)
    bytes += payload
    return Template(
      bytes: bytes,
      identifierOffset: identifierOffset,
      counterOffset: counterOffset
    )
  }
}
