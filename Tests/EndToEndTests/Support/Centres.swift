import Glibc

/// A central broker of some make, started and stopped by a round.
protocol Centre: AnyObject {
  /// Where the agent connects to.
  var url: String { get }
  /// What the agent needs to be let in: lines of its `[[upstream]]`.
  var upstreamLines: [String] { get }
  /// Where the collector connects to, and what it needs to be let in.
  var collectorURL: String { get }
  var collectorArguments: [String] { get }
  /// `5` or `3.1.1`.
  var version: String { get }
  /// Whether an orderly stop at work costs nothing that was acknowledged, and sessions outlive it.
  /// Where not, it is stopped while nobody publishes, and its subscriber comes back first.
  var staysWhole: Bool { get }

  func start() async throws
  /// SIGTERM.
  func stop() async throws
}

extension Centre {
  var collectorURL: String { url }
  var collectorArguments: [String] { [] }
  var upstreamLines: [String] { [] }
  var staysWhole: Bool { true }
}

/// Mosquitto, by one of its ways in.
final class MosquittoCentre: Centre {
  enum Way: String, CaseIterable {
    case version5 = "MQTT 5"
    case version311 = "MQTT 3.1.1"
    case password = "TLS, password and ACL"
    case certificate = "client certificate and ACL"
    case sharedKey = "shared key"
  }

  let url: String
  let upstreamLines: [String]
  let version: String
  private let broker: Broker

  var collectorURL: String { broker.url }

  init(_ way: Way, in scratch: Scratch) async throws {
    version = way == .version311 ? "3.1.1" : "5"
    guard way != .version5, way != .version311 else {
      broker = try Broker("central", in: scratch)
      url = broker.url
      upstreamLines = [#"protocol = "\#(version)""#]
      return
    }
    // The collector comes by a listener of its own, without all that.
    let port = try Ports.take()
    var settings = ["listener \(port) \(Broker.address)"]
    let rights = scratch.newPath("rights")
    // The collector may read; the agent may write where it must and nowhere else.
    try writeText(
      rights,
      """
      topic readwrite #
      user edge
      topic write sensors/#
      topic write holdfast/edge/#

      """
    )
    chmod(rights, 0o644)
    if way == .sharedKey {
      let (keys, own) = (scratch.newPath("keys"), scratch.newPath("psk"))
      let key = String(repeating: "0af1", count: 16)
      try writeText(keys, "edge:\(key)\n")
      chmod(keys, 0o644)
      try writeText(own, key + "\n")
      chmod(own, 0o600)
      settings += ["psk_hint site", "psk_file \(keys)"]
      upstreamLines = [#"tls = { psk_identity = "edge", psk_file = "\#(own)" }"#]
    } else {
      let authority = try await Authority(in: scratch)
      let server = try await authority.issue("server").forBroker()
      var tls = #"ca_file = "\#(authority.certificate)""#
      var lines: [String] = []
      if way == .certificate {
        let client = try await authority.issue("edge")
        settings += server.listener(
          "cafile \(authority.certificate)",
          "require_certificate true",
          "use_identity_as_username true"
        )
        tls += #", cert_file = "\#(client.certificate)", key_file = "\#(client.key)""#
      } else {
        let passwords = scratch.newPath("passwords")
        let made = try await run(
          "mosquitto_passwd",
          ["-b", "-c", passwords, "edge", "secret"],
          in: scratch
        )
        guard made.status == .code(0) else { throw TestFailure(made.output) }
        chmod(passwords, 0o644)
        settings += server.listener() + ["password_file \(passwords)"]
        lines = [#"username = "edge""#, #"password_file = "\#(scratch.path)/secret""#]
        try writeText("\(scratch.path)/secret", "secret\n")
        chmod("\(scratch.path)/secret", 0o600)
      }
      upstreamLines = lines + ["tls = { \(tls) }"]
      settings += ["acl_file \(rights)"]
    }
    broker = try Broker("central", in: scratch, settings: settings)
    url = "mqtts://127.0.0.1:\(port)"
  }

  func start() async throws { try await broker.start() }
  func stop() async throws { try await broker.stop() }
}

/// A server that is no Mosquitto, as a command that stays in the foreground.
final class ServerCentre: Centre {
  let url: String
  let upstreamLines: [String]
  let collectorArguments: [String]
  let version: String
  let staysWhole: Bool
  private let name: String
  private let port: Int
  private let command: [String]
  private let log: String
  /// How long it may take to start and to stop, seconds.
  private let patience: Double
  private var process: ChildProcess?
  /// Erlang's name server, where the broker can't do without one.
  private var nameServer: ChildProcess?

  private init(
    _ name: String,
    port: Int,
    version: String,
    command: [String],
    log: String,
    patience: Double = 20,
    upstreamLines: [String] = [],
    collectorArguments: [String] = [],
    staysWhole: Bool = true,
    nameServer: ChildProcess? = nil
  ) {
    self.name = name
    self.port = port
    self.version = version
    self.command = command
    self.log = log
    self.patience = patience
    self.upstreamLines = upstreamLines
    self.collectorArguments = collectorArguments
    self.staysWhole = staysWhole
    self.nameServer = nameServer
    url = "mqtt://127.0.0.1:\(port)"
  }

  func start() async throws {
    let process = try ChildProcess(command[0], Array(command.dropFirst()), output: log)
    self.process = process
    let isUp = try await eventually(within: patience) {
      if process.status != nil { throw TestFailure("\(self.name) ended: \(process.tail)") }
      return Ports.answers(self.port)
    }
    guard isUp else { throw TestFailure("\(name) doesn't answer: \(process.tail)") }
  }

  func stop() async throws {
    _ = try await process?.stop(within: patience)
    process = nil
  }

  // MARK: makes

  /// Which packages there must be, by the name that HOLDFAST_BROKERS knows.
  static func missing(for name: String) -> String? {
    let files: [String: [String]] = [
      "ejabberd": ["/usr/sbin/ejabberdctl"],
      "activemq": ["/usr/share/activemq/lib/activemq-mqtt.jar", "/usr/share/java/mqtt-client.jar"],
      "rabbitmq": ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
    ]
    guard let needed = files[name] else { return "HOLDFAST_BROKERS knows no \(name)" }
    return needed.first { access($0, R_OK) != 0 }.map { "no \($0)" }
  }

  static func make(_ name: String, in scratch: Scratch) async throws -> ServerCentre {
    switch name {
    case "ejabberd": try ejabberd(in: scratch)
    case "activemq": try activeMQ(in: scratch)
    case "rabbitmq": try await rabbitMQ(in: scratch)
    default: throw TestFailure("no broker \(name)")
    }
  }

  static func nats(in scratch: Scratch) throws -> ServerCentre {
    let (port, clientPort) = (try Ports.take(), try Ports.take())
    let configuration = scratch.newPath("nats.conf")
    let store = try scratch.makeDirectory("jetstream")
    try writeText(
      configuration,
      """
      host: 127.0.0.1
      port: \(clientPort)
      server_name: centre
      jetstream { store_dir: "\(store)" }
      mqtt { host: 127.0.0.1, port: \(port) }
      """
    )
    return ServerCentre(
      "nats-server",
      port: port,
      version: "3.1.1",
      command: ["nats-server", "-c", configuration],
      log: scratch.newPath("nats.log"),
      // Version 2.9.10 acknowledges while it stops, and forgets: see `docs/brokers.md`.
      staysWhole: false
    )
  }

  /// Its sessions, and what is queued for them, live in its memory.
  private static func ejabberd(in scratch: Scratch) throws -> ServerCentre {
    let port = try Ports.take()
    let home = try scratch.makeDirectory("ejabberd")
    let configuration = "\(home)/ejabberd.yml"
    try writeText(
      configuration,
      """
      hosts: ["localhost"]
      loglevel: warning
      listen:
        -
          port: \(port)
          ip: "127.0.0.1"
          module: mod_mqtt
      auth_method: [anonymous]
      anonymous_protocol: login_anon
      modules:
        mod_mqtt:
          max_queue: 1000000

      """
    )
    var command = [
      "env", "HOME=\(home)", "EJABBERD_CONFIG_PATH=\(configuration)",
      "EJABBERD_LOG_PATH=\(home)/ejabberd.log", "ERL_CRASH_DUMP=\(home)/crash",
      "ERL_LIBS=/usr/lib/x86_64-linux-gnu", "erl", "-noinput", "+S", "2:2", "-mnesia", "dir",
      "\"\(home)/spool\"", "-s", "ejabberd",
    ]
    let secret = scratch.newPath("secret")
    try writeText(secret, "edge\n")
    chmod(secret, 0o600)
    if getuid() == 0, let user = getpwnam("ejabberd") {
      chown(home, user.pointee.pw_uid, user.pointee.pw_gid)
      command = ["setpriv", "--reuid=ejabberd", "--regid=ejabberd", "--init-groups"] + command
    }
    return ServerCentre(
      "ejabberd",
      port: port,
      version: "5",
      command: command,
      log: scratch.newPath("ejabberd.log"),
      patience: 60,
      // A user of it is NAME@HOST, and nobody comes without one.
      upstreamLines: [#"username = "edge@localhost""#, #"password_file = "\#(secret)""#],
      collectorArguments: ["--username", "collector@localhost", "--password", "collector"],
      staysWhole: false
    )
  }

  private static func activeMQ(in scratch: Scratch) throws -> ServerCentre {
    let port = try Ports.take()
    let home = try scratch.makeDirectory("activemq")
    let names = [
      "mqtt-client", "hawtdispatch", "hawtdispatch-transport", "slf4j-api", "slf4j-simple",
      "hawtbuf",
    ]
    let classes = ["/usr/share/activemq/lib/*"] + names.map { "/usr/share/java/\($0).jar" }
    return ServerCentre(
      "ActiveMQ",
      port: port,
      version: "3.1.1",
      command: [
        "java", "-Xmx256m", "-Dactivemq.home=\(home)", "-Dactivemq.base=\(home)", "-cp",
        classes.joined(separator: ":"), "org.apache.activemq.console.command.ShellCommand", "start",
        "broker:(mqtt://127.0.0.1:\(port))?persistent=true&useJmx=false"
          + "&dataDirectory=\(home)/data&brokerName=centre",
      ],
      log: scratch.newPath("activemq.log"),
      patience: 60
    )
  }

  private static func rabbitMQ(in scratch: Scratch) async throws -> ServerCentre {
    let (port, namePort, ownPort) = (try Ports.take(), try Ports.take(), try Ports.take())
    let home = try scratch.makeDirectory("rabbitmq")
    try writeText("\(home)/enabled_plugins", "[rabbitmq_mqtt].\n")
    try writeText(
      "\(home)/rabbitmq.conf",
      """
      listeners.tcp = none
      mqtt.listeners.tcp.1 = 127.0.0.1:\(port)

      """
    )
    // Otherwise Erlang leaves one behind.
    let nameServer = try ChildProcess(
      "epmd",
      ["-address", "127.0.0.1", "-port", "\(namePort)"],
      output: scratch.newPath("epmd.log")
    )
    return ServerCentre(
      "RabbitMQ",
      port: port,
      version: "3.1.1",
      command: [
        // With a socket to notify it takes the place of its shell, and SIGTERM reaches it.
        "env", "NOTIFY_SOCKET=/dev/null", "HOME=\(home)",
        "RABBITMQ_NODENAME=holdfast\(port)@localhost", "RABBITMQ_MNESIA_BASE=\(home)/mnesia",
        "RABBITMQ_LOG_BASE=\(home)/log", "RABBITMQ_CONFIG_FILE=\(home)/rabbitmq",
        "RABBITMQ_ENABLED_PLUGINS_FILE=\(home)/enabled_plugins", "RABBITMQ_DIST_PORT=\(ownPort)",
        "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT=\(namePort)",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 2:2 -kernel inet_dist_use_interface {127,0,0,1}",
        "/usr/lib/rabbitmq/bin/rabbitmq-server",
      ],
      log: scratch.newPath("rabbitmq.log"),
      patience: 120,
      nameServer: nameServer
    )
  }
}
