import ArgumentParser
import HoldfastSystem

/// `holdfast status`: how a running agent is, on one screen.
struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Says how the running agent is; the exit code tells its health.",
    discussion: """
      Asks the agent's Unix socket, then its TCP port. Ends with 0 when all is
      fine, 1 when data is safe and something wants attention, such as a link
      that is down, 2 when events are lost or held back, or the disk fails, and
      69 when no agent answers.

      EXAMPLES:
        holdfast status
        holdfast status --json
        holdfast status --config /etc/holdfast/holdfast.toml
        watch holdfast status --data-dir /tmp/holdfast-demo
      """
  )

  @OptionGroup var place: StatusPlace

  @Flag(help: "Writes JSON instead of text.")
  var json = false

  func run() throws {
    let answer = try place.get(json ? "/status.json" : "/status.txt")
    var output = StandardOutput()
    try output.append { $0 += answer.body }
    try output.flush()
    switch answer.level {
    case "fine": return
    case "attention": throw ExitCode(ExitStatus.attention)
    default: throw ExitCode(ExitStatus.alarm)
    }
  }
}
