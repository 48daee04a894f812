import Glibc
import Testing

extension EndToEnd {
  /// What is wrong with certificates and keys is one clear line, and tried again; nothing ever goes
  /// over a link that isn't verified.
  @Suite(.serialized) struct TLSMatrix {
    /// An agent whose source is a TLS listener of a real Mosquitto.
    private final class Bench {
      let scratch: Scratch
      let broker: Broker
      let agent: HoldfastProcess
      private var settings: AgentSettings

      init(_ scratch: Scratch, listener: [String], tls: String, launcher: String? = nil) throws {
        self.scratch = scratch
        broker = try Broker("sensors", in: scratch, settings: listener)
        settings = AgentSettings(
          sourceURL: "mqtts://127.0.0.1:\(broker.port)",
          upstreamURL: "mqtt://127.0.0.1:\(try Ports.take())"
        )
        settings.launcher = launcher
        settings.sourceLines = ["tls = { \(tls) }"]
        agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
      }

      func start(environment: [(String, String)] = []) async throws {
        try await broker.start()
        try agent.start(environment: environment)
      }

      /// The line that says why the source is not connected.
      func refusal() async throws -> String {
        let begin = "source floor: mqtts://127.0.0.1:\(broker.port): "
        var line = ""
        let isSaid = try await eventually(within: 20) {
          line =
            self.agent.log.split(separator: "\n").first { $0.contains(begin) }.map(String.init)
            ?? ""
          return !line.isEmpty
        }
        guard isSaid else { throw TestFailure("no reason is given:\n\(agent.log)") }
        #expect(line.contains("next try in"), "\(line)")
        #expect(broker.subscriptionCount(to: "sensors/#") == 0)
        return line
      }

      func expectUp(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let isUp = try await eventually(within: 20) {
          self.broker.subscriptionCount(to: "sensors/#") > 0
        }
        #expect(isUp, "\(agent.log)", sourceLocation: sourceLocation)
      }
    }

    private func quoted(_ path: String) -> String { "\"\(path)\"" }

    @Test func `an expired certificate, and its successor after a restart of the broker`()
      async throws
    {
      let scratch = try Scratch()
      let authority = try await Authority(in: scratch)
      let old = try await authority.issue(
        "server",
        from: "20200101000000Z",
        to: "20210203000000Z"
      ).forBroker()
      let bench = try Bench(
        scratch,
        listener: old.listener(),
        tls: "ca_file = \(quoted(authority.certificate))"
      )
      try await bench.start()
      let line = try await bench.refusal()
      #expect(
        line.contains("certificate has expired (it ended on 2021-02-03; this machine's clock says ")
      )
      let new = try await authority.issue("successor").forBroker()
      rename(new.certificate, old.certificate)
      rename(new.key, old.key)
      try await bench.broker.stop()
      try await bench.broker.start()
      try await bench.expectUp()
      try await bench.agent.stop()
    }

    @Test func `a clock in 1970 is told as such, and the link is made once it is set`() async throws
    {
      let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
      guard access(library, R_OK) == 0 else {
        Ledger.skip("TLS with a clock in 1970", because: "no \(library)")
        return
      }
      let scratch = try Scratch()
      let authority = try await Authority(in: scratch)
      let server = try await authority.issue("server").forBroker()
      let bench = try Bench(
        scratch,
        listener: server.listener(),
        tls: "ca_file = \(quoted(authority.certificate))",
        launcher: "env"
      )
      let clock = scratch.newPath("clock")
      let days = time(nil) / 86_400 - 3
      try writeText(clock, "-\(days)d\n")
      try await bench.start(environment: [
        ("LD_PRELOAD", library), ("FAKETIME_TIMESTAMP_FILE", clock), ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
      ])
      let process = bench.agent.processID
      defer {
        unlink("/dev/shm/faketime_shm_\(process)")
        unlink("/dev/shm/sem.faketime_sem_\(process)")
      }
      let line = try await bench.refusal()
      #expect(line.contains("certificate is not yet valid (it begins on 20"), "\(line)")
      #expect(line.contains("this machine's clock says 1970-01-0"), "\(line)")
      #expect(line.contains("set this machine's clock"), "\(line)")
      try writeText(clock + ".new", "+0\n")
      rename(clock + ".new", clock)
      try await bench.expectUp()
      try await bench.agent.stop()
    }

    @Test func `a certificate of another host`() async throws {
      let scratch = try Scratch()
      let authority = try await Authority(in: scratch)
      let server = try await authority.issue("server", host: "DNS:other.example").forBroker()
      let bench = try Bench(
        scratch,
        listener: server.listener(),
        tls: "ca_file = \(quoted(authority.certificate))"
      )
      try await bench.start()
      let line = try await bench.refusal()
      #expect(line.contains("certificate verify failed: IP address mismatch"), "\(line)")
      #expect(line.contains("check the host in url"), "\(line)")
      try await bench.agent.stop()
    }

    @Test func `a revoked broker, where the list says so`() async throws {
      let scratch = try Scratch()
      let authority = try await Authority(in: scratch)
      let server = try await authority.issue("server").forBroker()
      let list = try await authority.revoke([server])
      let bench = try Bench(
        scratch,
        listener: server.listener(),
        tls: "ca_file = \(quoted(authority.certificate)), crl_file = \(quoted(list))"
      )
      try await bench.start()
      let line = try await bench.refusal()
      #expect(line.contains("certificate verify failed: certificate revoked"), "\(line)")
      try await bench.agent.stop()
    }

    @Test func `a list that revokes nothing lets the broker pass`() async throws {
      let scratch = try Scratch()
      let authority = try await Authority(in: scratch)
      let server = try await authority.issue("server").forBroker()
      let other = try await authority.issue("other")
      let list = try await authority.revoke([other])
      let bench = try Bench(
        scratch,
        listener: server.listener(),
        tls: "ca_file = \(quoted(authority.certificate)), crl_file = \(quoted(list)),"
          + " min_version = \"1.3\""
      )
      try await bench.start()
      try await bench.expectUp()
      try await bench.agent.stop()
    }

    @Test
    func `client certificates: none, a stranger's, a revoked one, and the right one by SIGHUP`()
      async throws
    {
      let scratch = try Scratch()
      let authority = try await Authority(in: scratch)
      let strangers = try await Authority("strangers", in: scratch)
      let server = try await authority.issue("server").forBroker()
      let revoked = try await authority.issue("revoked")
      let right = try await authority.issue("right")
      let wrong = try await strangers.issue("wrong")
      let list = try await authority.revoke([revoked])
      let listener = server.listener(
        "cafile \(authority.certificate)",
        "require_certificate true",
        "crlfile \(list)",
        "use_identity_as_username true"
      )
      let own = scratch.newPath("own")
      let ca = "ca_file = \(quoted(authority.certificate))"
      let pair = "cert_file = \(quoted(own + ".pem")), key_file = \(quoted(own + ".key"))"
      let cases: [(client: Authority.Pair?, words: String)] = [
        (nil, "the broker refuses our certificate: certificate required"),
        (wrong, "the broker refuses our certificate: unknown ca"),
        (revoked, "the broker refuses our certificate: certificate revoked"),
      ]
      for (client, words) in cases {
        if let client {
          try copyFile(client.certificate, to: own + ".pem")
          try copyFile(client.key, to: own + ".key")
        }
        let bench = try Bench(
          scratch,
          listener: listener,
          tls: client == nil ? ca : "\(ca), \(pair)"
        )
        try await bench.start()
        let line = try await bench.refusal()
        #expect(line.contains(words), "\(line)")
        if client?.certificate == revoked.certificate {
          try copyFile(right.certificate, to: own + ".pem")
          try copyFile(right.key, to: own + ".key")
          try await bench.agent.reload()
          try await bench.expectUp()
          #expect(bench.broker.logCount(of: "u'right'") > 0)
        }
        try await bench.agent.stop()
        try await bench.broker.stop()
      }
    }

    @Test func `a certificate that ends soon is told, and the link is made`() async throws {
      let scratch = try Scratch()
      let authority = try await Authority(in: scratch)
      var end = time(nil) + 10 * 86_400 + 3_600
      var parts = tm()
      gmtime_r(&end, &parts)
      let digits = [parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec].map
      {
        $0 < 10 ? "0\($0)" : "\($0)"
      }
      let date = "\(parts.tm_year + 1900)" + digits.joined() + "Z"
      let server = try await authority.issue("server", to: date).forBroker()
      let bench = try Bench(
        scratch,
        listener: server.listener(),
        tls: "ca_file = \(quoted(authority.certificate))"
      )
      try await bench.start()
      try await bench.expectUp()
      let line = "source floor: the broker's certificate ends in 10 days; renew it before"
      let isTold = try await eventually(within: 15) { bench.agent.log.contains(line) }
      #expect(isTold, "\(bench.agent.log)")
      try await bench.agent.stop()
    }

    @Test func `a plain listener is never fallen back to`() async throws {
      let scratch = try Scratch()
      let authority = try await Authority(in: scratch)
      let bench = try Bench(
        scratch,
        listener: [],
        tls: "ca_file = \(quoted(authority.certificate))"
      )
      try await bench.start()
      let line = try await bench.refusal()
      #expect(line.contains("TLS"), "\(line)")
      try await pause(3)
      #expect(bench.broker.subscriptionCount(to: "sensors/#") == 0)
      #expect(bench.broker.logCount(of: " as edge-floor (") == 0)
      try await bench.agent.stop()
    }

    @Test func `a shared key: the right one, another, an unknown name`() async throws {
      let scratch = try Scratch()
      let keys = scratch.newPath("keys")
      let right = String(repeating: "0af1", count: 16)
      try writeText(keys, "edge-1:\(right)\n")
      chmod(keys, 0o644)
      let file = scratch.newPath("psk")
      let listener = ["psk_hint site", "psk_file \(keys)"]
      let cases: [(identity: String, key: String, isRight: Bool)] = [
        ("edge-1", right, true), ("edge-1", String(repeating: "0bf1", count: 16), false),
        ("edge-2", right, false),
      ]
      for (identity, key, isRight) in cases {
        try writeText(file, key + "\n")
        chmod(file, 0o600)
        let bench = try Bench(
          scratch,
          listener: listener,
          tls: "psk_identity = \(quoted(identity)), psk_file = \(quoted(file))"
        )
        try await bench.start()
        if isRight {
          try await bench.expectUp()
        } else {
          let line = try await bench.refusal()
          #expect(line.contains("check psk_identity and psk_file"), "\(line)")
          #expect(!bench.agent.log.contains(key))
        }
        try await bench.agent.stop()
        try await bench.broker.stop()
      }
    }

    @Test func `a key that everyone may read is refused, at start and for a link`() async throws {
      let scratch = try Scratch()
      let authority = try await Authority(in: scratch)
      let server = try await authority.issue("server").forBroker()
      let client = try await authority.issue("client")
      let bench = try Bench(
        scratch,
        listener: server.listener("cafile \(authority.certificate)", "require_certificate true"),
        tls: "ca_file = \(quoted(authority.certificate)), "
          + "cert_file = \(quoted(client.certificate)), key_file = \(quoted(client.key))"
      )
      chmod(client.key, 0o644)
      try await bench.start()
      #expect(try await bench.agent.ended(within: 10) == .code(78))
      #expect(bench.agent.log.contains("which every user of this machine can read; chmod 640 it"))
      chmod(client.key, 0o600)
      try bench.agent.start()
      try await bench.expectUp()
      chmod(client.key, 0o644)
      try await bench.broker.stop()
      try await bench.broker.start()
      let isRefused = try await eventually(within: 20) {
        bench.agent.log.contains("every user of this machine can read \(client.key); chmod 640 it")
      }
      #expect(isRefused, "\(bench.agent.log)")
      try await bench.agent.stop()
    }
  }
}
