import Glibc
import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastSystem
import HoldfastUpstream
import Testing

private let mosquittoPath = "/usr/sbin/mosquitto"
private let opensslPath = "/usr/bin/openssl"

private func isThere(_ path: String) -> Bool { access(path, X_OK) == 0 }

/// A real Mosquitto on loopback.
private final class Broker {
  let directory = TemporaryDirectory()
  private let process: ChildProcess

  init(port: UInt16, extra: String = "allow_anonymous true\n") throws {
    // Started as root it would become another user, who can't read the test's files.
    let user = geteuid() == 0 ? "user root\n" : ""
    directory.write("mosquitto.conf", user + "listener \(port) 127.0.0.1\n" + extra)
    process = ChildProcess(
      [mosquittoPath, "-c", "\(directory.path)/mosquitto.conf"],
      directory: directory.path
    )
    for _ in 0..<200 {
      let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(probe) }
      var address = loopback(port)
      let result = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(probe, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      if result == 0 { return }
      usleep(25_000)
    }
    throw PeerError("mosquitto does not listen on \(port)")
  }

  func stop() { process.end(SIGTERM) }
  func freeze() { process.signal(SIGSTOP) }
  func kill() { process.end(SIGKILL) }
}

@Suite(.enabled(if: isThere(mosquittoPath), "mosquitto is not installed"))
struct BrokerTests {
  @Test(arguments: [(ProtocolVersion.v5, UInt16(21150)), (.v311, 21151)])
  func whatAnUpstreamPublishesASourceReceives(version: ProtocolVersion, port: UInt16) throws {
    let broker = try Broker(port: port)
    defer { broker.stop() }
    let source = SourceHarness(port: port)
    source.thread.post(.connect(version))
    #expect(try source.inbox.nextGrant().isSessionPresent == false)
    usleep(200_000)
    let upstream = UpstreamHarness(port: port)
    upstream.thread.post(.connect(version))
    _ = try upstream.inbox.nextGrant()
    let properties = EventProperties(pairs: [.init(name: [97], value: [98])])
    var received: [String] = []
    var acknowledged: [UInt64] = []
    var through: UInt64 = 0
    for round in 0..<10 {
      let tags = (round * 100)..<(round * 100 + 100)
      upstream.thread.post(
        .publish(
          messageBatch(tags.map { Outgoing(UInt64($0), "s/x", "\($0)", properties: properties) })
        )
      )
      while received.count < tags.upperBound {
        let batch = try source.inbox.nextBatch()
        through += 1
        source.thread.post(.release(through: through))
        for row in 0..<batch.count {
          received.append(String(decoding: batch.payload(row), as: UTF8.self))
          #expect(Array(batch.properties(row)) == (version == .v5 ? properties.encoded : []))
        }
      }
      while acknowledged.count < tags.upperBound {
        let answers = try upstream.inbox.nextAcknowledgements()
        #expect(answers.allSatisfy { $0.reasonCode == 0 })
        acknowledged += answers.map(\.tag)
      }
    }
    #expect(received == (0..<1000).map { "\($0)" })
    #expect(acknowledged == Array(0..<1000))
  }

  @Test func heldEventsComeAgainAfterAReconnectAndReleasedOnesDoNot() throws {
    let broker = try Broker(port: 21152)
    defer { broker.stop() }
    let source = SourceHarness(port: 21152)
    source.thread.post(.connect(.v5))
    _ = try source.inbox.nextGrant()
    usleep(200_000)
    let upstream = UpstreamHarness(port: 21152)
    upstream.thread.post(.connect(.v5))
    _ = try upstream.inbox.nextGrant()
    upstream.thread.post(.publish(messageBatch([Outgoing(1, "s", "released")])))
    #expect(try Array(source.inbox.nextBatch().payload(0)) == Array("released".utf8))
    source.thread.post(.release(through: 1))
    upstream.thread.post(.publish(messageBatch([Outgoing(2, "s", "held")])))
    #expect(try Array(source.inbox.nextBatch().payload(0)) == Array("held".utf8))
    source.thread.post(.disconnect(releasing: false, through: 2))
    #expect(try source.inbox.nextFailure().kind == .requested)
    source.thread.post(.connect(.v5))
    #expect(try source.inbox.nextGrant().isSessionPresent)
    let again = try source.inbox.nextBatch()
    #expect(again.count == 1)
    #expect(Array(again.payload(0)) == Array("held".utf8))
    source.thread.post(.disconnect(releasing: true, through: 3))
    #expect(try source.inbox.nextFailure().kind == .requested)
    source.thread.post(.connect(.v5))
    #expect(try source.inbox.nextGrant().isSessionPresent)
    try source.inbox.expectNothing(seconds: 0.3)
  }

  @Test func aSecondClientWithOurIDEndsTheFirst() throws {
    let broker = try Broker(port: 21153)
    defer { broker.stop() }
    let first = SourceHarness(port: 21153)
    first.thread.post(.connect(.v5))
    _ = try first.inbox.nextGrant()
    let second = SourceHarness(port: 21153)
    second.thread.post(.connect(.v5))
    _ = try second.inbox.nextGrant()
    // Mosquitto 2.0.11 closes without the DISCONNECT that would name the reason.
    let failure = try first.inbox.nextFailure()
    #expect([.sessionTakenOver, .closed].contains(failure.kind))
  }

  @Test func aStoppedAndAFrozenBroker() throws {
    let broker = try Broker(port: 21154)
    let upstream = UpstreamHarness(port: 21154)
    upstream.thread.post(.connect(.v5))
    _ = try upstream.inbox.nextGrant()
    broker.freeze()
    let late = UpstreamHarness(port: 21154)
    late.thread.post(.connect(.v5))
    #expect(try late.inbox.nextFailure().kind == .connectTimeout)
    broker.kill()
    #expect(try upstream.inbox.nextFailure().kind == .closed)
  }

  @Test func aWrongPasswordIsRefused() throws {
    let broker = try Broker(port: 21155, extra: "allow_anonymous false\n")
    defer { broker.stop() }
    for version in [ProtocolVersion.v5, .v311] {
      let source = SourceHarness(port: 21155) {
        $0.link.username = "u"
        $0.link.password = "p"
      }
      source.thread.post(.connect(version))
      let failure = try source.inbox.nextFailure()
      #expect(failure.kind == .refused)
      #expect(!failure.detail.isEmpty)
    }
  }
}

@Suite(
  .enabled(
    if: isThere(mosquittoPath) && isThere(opensslPath),
    "mosquitto or openssl is not installed"
  )
)
struct TLSTests {
  /// A CA, a server certificate for 127.0.0.1 and for "elsewhere", and a client's.
  private static func makeCertificates(_ directory: String) {
    func openssl(_ words: String) {
      run([opensslPath] + words.split(separator: " ").map(String.init), directory: directory)
    }
    for authority in ["ca", "other"] {
      openssl(
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=\(authority) "
          + "-keyout \(directory)/\(authority).key -out \(directory)/\(authority).pem"
      )
    }
    for (name, subject) in [("server", "IP:127.0.0.1"), ("elsewhere", "DNS:elsewhere")] {
      openssl(
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=\(name) -CA \(directory)/ca.pem "
          + "-CAkey \(directory)/ca.key -addext subjectAltName=\(subject) "
          + "-addext basicConstraints=CA:FALSE "
          + "-keyout \(directory)/\(name).key -out \(directory)/\(name).pem"
      )
    }
    openssl(
      "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=client -CA \(directory)/ca.pem "
        + "-CAkey \(directory)/ca.key -addext basicConstraints=CA:FALSE "
        + "-keyout \(directory)/client.key -out \(directory)/client.pem"
    )
  }

  private func connect(
    port: UInt16,
    _ tls: TLSConfiguration?,
    version: ProtocolVersion = .v5
  ) throws -> LinkFailure? {
    let source = SourceHarness(port: port) { $0.link.tls = tls }
    source.thread.post(.connect(version))
    switch try source.inbox.next() {
    case .sourceConnected: return nil
    case .sourceClosed(_, let failure): return failure
    case let other: throw PeerError("got \(other)")
    }
  }

  @Test func certificatesDecide() throws {
    let files = TemporaryDirectory()
    let path = files.path
    Self.makeCertificates(path)
    let own = "allow_anonymous true\ncafile \(path)/ca.pem\n"
    let server = "certfile \(path)/server.pem\nkeyfile \(path)/server.key\n"
    let broker = try Broker(port: 21160, extra: own + server)
    defer { broker.stop() }
    #expect(try connect(port: 21160, TLSConfiguration(caFile: "\(path)/ca.pem")) == nil)

    let wrong = try connect(port: 21160, TLSConfiguration(caFile: "\(path)/other.pem"))
    #expect(wrong?.kind == .tls)
    #expect(wrong?.detail.contains("certificate verify failed") == true)
    #expect(try connect(port: 21160, TLSConfiguration())?.kind == .tls)

    let missing = try connect(port: 21160, TLSConfiguration(caFile: "\(path)/none.pem"))
    #expect(missing?.kind == .tls)
    #expect(missing?.detail.contains("none.pem") == true)

    // Plain MQTT to a TLS port.
    #expect(try connect(port: 21160, nil)?.kind == .closedBeforeConnected)

    let elsewhere = "certfile \(path)/elsewhere.pem\nkeyfile \(path)/elsewhere.key\n"
    let impostor = try Broker(port: 21161, extra: own + elsewhere)
    defer { impostor.stop() }
    #expect(
      try connect(port: 21161, TLSConfiguration(caFile: "\(path)/ca.pem"))?.kind == .tls
    )

    let strict = try Broker(port: 21162, extra: own + server + "require_certificate true\n")
    defer { strict.stop() }
    let client = TLSConfiguration(
      caFile: "\(path)/ca.pem",
      certificateFile: "\(path)/client.pem",
      keyFile: "\(path)/client.key"
    )
    #expect(try connect(port: 21162, client) == nil)
    #expect(try connect(port: 21162, TLSConfiguration(caFile: "\(path)/ca.pem"))?.kind == .tls)
  }

  @Test func eventsFlowAndAreHeldOverTLS() throws {
    let files = TemporaryDirectory()
    let path = files.path
    Self.makeCertificates(path)
    let broker = try Broker(
      port: 21163,
      extra: "allow_anonymous true\ncafile \(path)/ca.pem\n"
        + "certfile \(path)/server.pem\nkeyfile \(path)/server.key\n"
    )
    defer { broker.stop() }
    let tls = TLSConfiguration(caFile: "\(path)/ca.pem")
    let source = SourceHarness(port: 21163) { $0.link.tls = tls }
    source.thread.post(.connect(.v5))
    _ = try source.inbox.nextGrant()
    usleep(200_000)
    let upstream = UpstreamHarness(port: 21163) { $0.link.tls = tls }
    upstream.thread.post(.connect(.v5))
    _ = try upstream.inbox.nextGrant()
    upstream.thread.post(
      .publish(messageBatch((0..<900).map { Outgoing(UInt64($0), "s/x", "\($0)") }))
    )
    var received: [String] = []
    var through: UInt64 = 0
    func take() throws {
      let batch = try source.inbox.nextBatch()
      for row in 0..<batch.count {
        received.append(String(decoding: batch.payload(row), as: UTF8.self))
      }
      through += 1
    }
    while received.count < 900 {
      try take()
      source.thread.post(.readMore(through: through))
    }
    // Held: all of it comes again to the next connection, together with CONNACK.
    source.thread.post(.disconnect(releasing: false, through: through))
    #expect(try source.inbox.nextFailure().kind == .requested)
    received = []
    source.thread.post(.connect(.v5))
    #expect(try source.inbox.nextGrant().isSessionPresent)
    while received.count < 900 {
      try take()
      source.thread.post(.release(through: through))
    }
    #expect(received == (0..<900).map { "\($0)" })
  }

  @Test func aPeerThatClosesDuringTheHandshakeIsNotSpunOn() throws {
    let peer = try ScriptedPeer(port: 21164)
    let upstream = UpstreamHarness(port: 21164) { $0.link.tls = TLSConfiguration() }
    upstream.thread.post(.connect(.v5))
    try peer.accept()
    usleep(100_000)
    peer.closeConnection()
    #expect(try upstream.inbox.nextFailure(seconds: 1).kind == .tls)
  }
}
