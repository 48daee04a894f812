import ArgumentParser
import Glibc
import HoldfastAgent
import HoldfastConfiguration
import HoldfastLink
import HoldfastRingLog
import HoldfastSystem
import HoldfastUpstream

/// `holdfast ring resend`: another try for messages that were refused for good.
struct RingResend: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resend",
    abstract: "Publishes an upstream's dead letters again and removes what it takes.",
    discussion: """
      The agent must be stopped, and stays locked out meanwhile. The counters
      of the law don't change: a letter stays counted as one.

      EXAMPLES:
        systemctl stop holdfast
        holdfast ring resend --config /etc/holdfast/holdfast.toml --upstream central
        systemctl start holdfast
      """
  )

  @OptionGroup var options: ConfigurationOptions

  @Option(
    help: ArgumentHelp("Goes before agent.data_dir of the file.", valueName: "directory")
  )
  var dataDir: String?

  @Option(help: ArgumentHelp("The upstream, as the configuration names it.", valueName: "name"))
  var upstream: String

  func run() throws {
    let configuration = try options.load().configuration
    guard let settings = configuration.upstreams.first(where: { $0.name == upstream }) else {
      complain("\(options.config): there is no upstream \"\(upstream)\"")
      throw ExitCode(ExitStatus.configuration)
    }
    let path = dataDir ?? configuration.dataDirectory
    // Opening for an agent would make the directory.
    guard access(path, F_OK) == 0 else {
      complain("\(path): there is no ring log; name its place with --data-dir")
      throw ExitCode(ExitStatus.noInput)
    }
    do {
      try resend(
        to: settings,
        agentID: configuration.agentID,
        on: PosixDisk(path: path, access: .exclusive)
      )
    } catch let error as DiskError {
      if error.operation == .lock && error.errno == EWOULDBLOCK {
        complain("\(path): an agent is running; stop it first")
        throw ExitCode(ExitStatus.locked)
      }
      complain("\(path): \(error)")
      throw ExitCode(ExitStatus.inputOutput)
    }
  }

  private func resend(
    to settings: UpstreamConfiguration,
    agentID: String,
    on disk: PosixDisk
  ) throws {
    try disk.lock()
    let directory = try RingInspection.directory(on: disk)
    let name = Agent.deadLetterName(settings.id, in: directory)
    // All of it, even where the configured bound was larger once.
    let entry = try disk.list(directory).first { "\(directory)/\($0.name)" == name }
    var file = RecordFile(disk: disk, name: name, byteCountMax: entry?.byteCount ?? 0)
    let records = try file.records()
    let letters = records.map { DeadLetter(record: $0) }
    let known = letters.indices.filter { letters[$0] != nil }
    let result = HoldfastSystem.resend(letters.compactMap(\.self), to: settings, agentID: agentID)
    let sent = Set(result.acknowledged.map { known[$0] })
    let kept = records.indices.filter { !sent.contains($0) }.map { records[$0] }
    if !sent.isEmpty { try file.replace(with: kept) }
    for index in result.refused.keys.sorted() {
      let code = String(result.refused[index] ?? 0, radix: 16)
      complain("number \(letters[known[index]]?.first ?? 0) was refused again, reason 0x\(code)")
    }
    if let failure = result.failure { complain("upstream \(upstream): \(failure.detail)") }
    var output = StandardOutput()
    try output.write(line: "\(sent.count) sent, \(kept.count) left")
    try output.flush()
    if result.failure != nil || !result.refused.isEmpty { throw ExitCode(ExitStatus.unavailable) }
  }
}
