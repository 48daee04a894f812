import ArgumentParser

/// The command `holdfast`: reads arguments and files, hands over to the agent, names exit codes.
@main struct Holdfast: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "holdfast",
    abstract: "Takes MQTT events from sensors, keeps them on disk, forwards them upstream.",
    usage: "holdfast <command> [options]",
    discussion: """
      EXAMPLES:
        holdfast check --config /etc/holdfast/holdfast.toml
        holdfast run --config /etc/holdfast/holdfast.toml
        holdfast run --config config/demo.toml --data-dir /tmp/holdfast-demo
        holdfast status
        holdfast tail 'sensors/#'
        holdfast simulate --config new.toml --from 24h
        holdfast unpack --config unpack.toml
        holdfast replay --upstream central --from 2h --to 1h
        holdfast ring verify

      EXIT CODES:
        0   done; `run` was asked to stop and has saved everything
        1   `run` was asked to stop and couldn't save everything in time;
            `check` found the configuration to be unusable;
            `status`: something wants attention; `doctor`: something doesn't work
        2   `status`: events are lost or held back, or the disk fails
        64  wrong arguments
        65  `ring verify` found damage, or accounts that don't balance;
            `replay`: a part of the range is gone or can't be read
        66  there is no ring log, or it can't be read
        69  `ring resend`, `replay`: the upstream can't be reached, or refused a
            message;
            `status`, `top`: no agent answers
        71  the operating system refuses what `run` needs, such as a thread
        74  a file, or standard output, takes no more
        75  another agent is running on the data directory;
            `replay` was stopped before its end, and says where to go on
        78  the configuration can't be used; every error is on standard error
      """,
    version: "0.1.0",
    subcommands: [
      Run.self, Check.self, Status.self, Top.self, Tail.self, Simulate.self, Doctor.self,
      Unpack.self, Replay.self, Ring.self,
    ]
  )
}
