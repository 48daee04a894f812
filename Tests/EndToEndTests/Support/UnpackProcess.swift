import Glibc

/// `holdfast unpack`, started, killed and started again over one data directory.
final class UnpackProcess {
  let logPath: String
  private let configuration: String
  private let arguments: [String]
  private let scratch: Scratch
  private var process: ChildProcess?

  /// Takes batches and gap records from the broker at `source`, and publishes to `upstream`, or
  /// appends to the file `output`.
  init(
    source: String,
    upstream: String? = nil,
    output: String? = nil,
    name: String = "unpack",
    arguments: [String] = [],
    in scratch: Scratch
  ) throws {
    self.scratch = scratch
    logPath = scratch.newPath("\(name).log")
    configuration = scratch.newPath("\(name).toml")
    var lines = [
      "[agent]", #"id = "centre""#, #"data_dir = "\#(scratch.newPath(name))""#,
      "[[source]]", #"name = "batches""#, #"url = "\#(source)""#,
      #"topics = ["holdfast/+/events", "holdfast/+/gaps"]"#, #"backoff_max = "1s""#,
    ]
    if let upstream {
      lines += [
        "[[upstream]]", #"name = "plant""#, #"url = "\#(upstream)""#, #"backoff_max = "1s""#,
      ]
    }
    try writeText(configuration, lines.joined(separator: "\n") + "\n")
    var command = "exec \(Programs.holdfast) unpack --config \(configuration)"
    for argument in arguments { command += " \(argument)" }
    if let output { command += " --ndjson >> \(output)" }
    // Through a shell: standard output goes elsewhere than the log.
    self.arguments = ["-c", command]
  }

  var log: String { readText(logPath) }

  func start() throws {
    process = try ChildProcess("/bin/sh", arguments, output: logPath, network: scratch.network)
  }

  func kill() async throws {
    try await process?.killAtOnce()
    process = nil
  }

  /// SIGTERM, which must end it with 0.
  func stop() async throws {
    guard let process else { return }
    let status = try await process.stop()
    self.process = nil
    guard status == .code(0) else {
      throw TestFailure("SIGTERM ended unpack with \(status):\n\(process.tail)")
    }
  }
}
