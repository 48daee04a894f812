import ArgumentParser
import Glibc

/// A central broker that acknowledges and counts, and does nothing else.
struct SinkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sink",
    abstract: "Be a central broker that only counts.",
    discussion: """
      Prints one line of JSON at the end: after --count messages, after --until-idle seconds \
      without one, or on SIGTERM.
      """
  )

  @Option(help: "Port on 127.0.0.1.")
  var port: UInt16
  @Option(help: "End after this many messages.")
  var count: Int?
  @Option(help: "End this many seconds after the last message, once there was one.")
  var untilIdle: Double?
  @Flag(help: "Print the rate every second.")
  var progress = false

  func run() throws {
    let listener = try listenOnLoopback(port: port)
    var sink = Sink(listener: listener)
    var nextProgress = monotonicSeconds() + 1
    var last = 0
    say(#"{"listening":\#(port)}"#)
    while !StopSignal.isSet {
      sink.turn()
      let now = monotonicSeconds()
      if progress, now >= nextProgress {
        say("sink: \(sink.messageCount) messages, \(sink.messageCount - last)/s")
        (last, nextProgress) = (sink.messageCount, now + 1)
      }
      if let count, sink.messageCount >= count { break }
      if let untilIdle, sink.messageCount > 0, now - sink.lastArrival > untilIdle { break }
    }
    sink.flush()
    say(sink.summary)
  }
}

private struct Sink {
  private(set) var messageCount = 0
  private(set) var lastArrival = 0.0
  private var byteCount = 0
  private var firstArrival = 0.0
  private var connections: [PeerConnection] = []
  private let listener: Int32

  init(listener: Int32) { self.listener = listener }

  var summary: String {
    let seconds = max(lastArrival - firstArrival, 1e-6)
    let rate = Int(Double(messageCount) / seconds)
    return #"{"messages":\#(messageCount),"bytes":\#(byteCount)"#
      + #","seconds":\#(Double(Int(seconds * 1000)) / 1000),"messages_per_second":\#(rate)}"#
  }

  /// Waits for at most 100 ms, reads once from each connection and acknowledges in one write.
  mutating func turn() {
    var descriptors = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
    for connection in connections {
      let events = Int16(POLLIN) | (connection.waitingByteCount > 0 ? Int16(POLLOUT) : 0)
      descriptors.append(pollfd(fd: connection.descriptor, events: events, revents: 0))
    }
    guard poll(&descriptors, nfds_t(descriptors.count), 100) > 0 else { return }
    var alive: [PeerConnection] = []
    for (connection, descriptor) in zip(connections, descriptors.dropFirst()) {
      var isAlive = true
      if descriptor.revents & ~Int16(POLLOUT) != 0 { isAlive = receive(connection) }
      if isAlive, connection.flush() { alive.append(connection) }
    }
    if descriptors.first?.revents != 0 {
      let descriptor = accept(listener, nil, nil)
      if descriptor >= 0 { alive.append(PeerConnection(descriptor: descriptor)) }
    }
    connections = alive
  }

  func flush() {
    for connection in connections { _ = connection.flush() }
  }

  private mutating func receive(_ connection: PeerConnection) -> Bool {
    let before = messageCount
    let isAlive = connection.receive(
      hasSession: false,
      onPublish: { packet in
        messageCount += 1
        byteCount += packet.body.count
        guard packet.header & 0x06 != 0 else { return }
        let position = 2 + packet.body.number16(at: 0)
        guard position + 2 <= packet.body.count else { return }
        connection.output.append(0x40)
        connection.output.append(2)
        connection.output.append(packet.body[position])
        connection.output.append(packet.body[position + 1])
      },
      onAcknowledgement: { _ in }
    )
    if messageCount > before {
      lastArrival = monotonicSeconds()
      if before == 0 { firstArrival = lastArrival }
    }
    return isAlive
  }
}
