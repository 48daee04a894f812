import ArgumentParser
import Glibc
import HoldfastEvent
import HoldfastRingLog
import HoldfastSystem

/// Reads an MQTT topic filter from the command line.
func topicFilter(_ argument: String) throws -> TopicFilter {
  guard let filter = TopicFilter(argument) else {
    throw ValidationError("\"\(argument)\" is not an MQTT topic filter.")
  }
  return filter
}

/// `holdfast ring cat`: the stored events.
struct RingCat: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cat",
    abstract: "Writes stored events, one per line, with gap records in their places.",
    discussion: """
      A line: sequence number, arrival, topic, payload. With --json: the objects
      of ndjson batches; a payload that isn't UTF-8 is in payload_base64.

      EXAMPLES:
        holdfast ring cat --count 10
        holdfast ring cat --from 120000 --topic 'sensors/#' --json
      """
  )

  @OptionGroup var options: RingOptions

  @Option(help: ArgumentHelp("The sequence number to begin with.", valueName: "number"))
  var from: UInt64 = 1

  @Option(help: ArgumentHelp("Writes so many events at most.", valueName: "number"))
  var count: Int?

  @Option(
    help: ArgumentHelp("Only events whose topic matches.", valueName: "filter"),
    transform: topicFilter
  )
  var topic: TopicFilter?

  func validate() throws {
    if let count, count < 0 { throw ValidationError("--count must not be negative.") }
  }

  func run() throws {
    let ring = try options.inspect(options.disk())
    var printer = EventPrinter(filter: topic, isJSON: options.json, count: count)
    var position = max(1, from)
    var passed = 0
    try printer.drain(ring, from: &position, passed: &passed)
  }
}

/// `holdfast tail`: what arrives now.
struct Tail: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes events as they arrive, until Ctrl-C.",
    discussion: """
      Follows the ring log of a running agent. Shows what is written, which is
      up to one commit before it is durable. What the agent forwards and frees
      between two looks, a fifth of a second apart, is passed over with a line.

      EXAMPLES:
        holdfast tail
        holdfast tail 'sensors/+/temperature' --json
        holdfast tail --count 1 --data-dir /tmp/holdfast-demo
      """
  )

  /// Between two looks, microseconds.
  private static let pollInterval: UInt32 = 200_000

  @Argument(
    help: "Only events whose topic matches this MQTT filter.",
    transform: topicFilter
  )
  var filter: TopicFilter?

  @OptionGroup var options: RingOptions

  @Option(help: ArgumentHelp("Ends after so many events.", valueName: "number"))
  var count: Int?

  func validate() throws {
    if let count, count < 0 { throw ValidationError("--count must not be negative.") }
  }

  func run() throws {
    let disk = options.disk()
    let ring = try options.inspect(disk)
    if !disk.isHeld() { complain("no agent runs on \(options.dataDir); waiting for one") }
    var printer = EventPrinter(filter: filter, isJSON: options.json, count: count)
    printer.isFollowing = true
    var position = ring.end
    // Marks that stand there already are old news.
    var passed = ring.account?.gaps.count { $0.first == position && !$0.reason.coversNumbers } ?? 0
    while true {
      try printer.drain(ring, from: &position, passed: &passed)
      if printer.rest <= 0 { return }
      usleep(Self.pollInterval)
      do throws(RingInspectionError) { try ring.advance() } catch {
        throw options.failure(error)
      }
      // A new log in place of the one before.
      if ring.end < position { (position, passed) = (ring.end, 0) }
    }
  }
}
