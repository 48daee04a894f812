import ArgumentParser
import Glibc

/// Measures the ring log and the stages alone: CPU and bytes per event, wear, the time of a start.
///
/// What crosses processes (brokers, drains, memory) is measured by scripts/bench.sh, which prints
/// both as one table.
@main
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures the ring log (CPU, bytes per event, wear, start) and the stages.",
    subcommands: [
      RingCommand.self, WearCommand.self, StartCommand.self, StagesCommand.self,
    ]
  )
}

/// `bench ring`: a trace replayed at its own pace, then again as fast as it goes.
struct RingCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ring",
    abstract: "CPU per event into the ring, and bytes per event before and after sealing."
  )

  @Option(help: "scalar, json or verbose: a trace made on the spot.")
  var kind = TraceKind.scalar

  @Option(help: "A recorded trace instead: u64 ns, u16, u32, topic, payload; little endian.")
  var trace: String?

  @Option(help: "Events of a trace made on the spot.")
  var count = 300_000

  @Option(help: "An empty or missing directory for the ring; its file system is measured.")
  var directory: String

  func run() throws {
    let events: [TimedEvent]
    let name: String
    if let trace {
      events = try readTrace(trace)
      name = String(trace.split(separator: "/").last ?? "trace")
    } else {
      events = makeTrace(kind, count: count)
      name = kind.rawValue
    }
    mkdir(directory, 0o700)
    let paced = try replayAtOwnPace(events, directory: directory + "/paced")
    let fast = try replayAtFullSpeed(events, directory: directory + "/fast")
    print(
      "\(name): \(events.count) events, ring CPU \(rounded(fast.microsecondsPerEvent)) µs/event "
        + "(fdatasync included, \(rounded(fast.eventsPerCommit)) events per commit), "
        + "bytes/event before sealing \(rounded(paced.hotBytesPerEvent)), "
        + "after sealing \(rounded(paced.sealedBytesPerEvent)), "
        + "at full speed before sealing \(rounded(fast.hotBytesPerEvent))"
    )
  }
}

/// `bench wear`: bytes written per day at steady rates, everything delivered at once.
struct WearCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wear",
    abstract: "Bytes written per day at 1, 10 and 100 events a second, upstream connected."
  )

  @Option(help: "An empty or missing directory; its file system is measured.")
  var directory: String

  @Option(help: "Simulated seconds per rate, after as many to warm up.")
  var seconds = 1800

  func run() throws {
    mkdir(directory, 0o700)
    for rate in [1, 10, 100] {
      let written = try bytesWritten(
        rate: rate,
        seconds: seconds,
        directory: directory + "/wear-\(rate)"
      )
      let perDay = Double(written) * 86_400 / Double(seconds)
      print("\(rate) events/s: \(rounded(perDay / 1e6)) MB written per day")
    }
  }
}

/// `bench start`: opening a full ring.
struct StartCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Time to open a full 1 GiB ring that was not stopped in order."
  )

  @Option(help: "An empty or missing directory with 1.1 GiB free.")
  var directory: String

  func run() throws {
    let result = try startOfFullRing(directory: directory)
    print(
      "start with \(result.byteCount >> 20) MiB in \(result.eventCount) events: "
        + "\(rounded(result.milliseconds)) ms"
    )
  }
}

/// Two decimals.
func rounded(_ value: Double) -> String {
  let hundredths = Int((value * 100).rounded())
  let fraction = abs(hundredths % 100)
  return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
}
