import ArgumentParser
import HoldfastEvent
import HoldfastRingLog

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

  @Flag(help: "With --json: each arrival by the wall and by the boot clock, in microseconds.")
  var stamps = false

  func validate() throws {
    if stamps && !options.json { throw ValidationError("--stamps goes with --json.") }
    if let count, count < 0 { throw ValidationError("--count must not be negative.") }
  }

  func run() throws {
    let ring = try options.inspect(options.disk())
    var printer = EventPrinter(filter: topic, isJSON: options.json, count: count)
    printer.hasStamps = stamps
    var walk = RingWalk(position: max(1, from))
    try printer.drain(ring, &walk)
  }
}
