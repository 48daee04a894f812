import Glibc

/// What the collector found, from its line of JSON.
struct TallyReport: CustomStringConvertible {
  var description: String

  init(_ output: String) throws {
    guard let line = output.split(separator: "\n").last(where: { $0.hasPrefix("{") }) else {
      throw TestFailure("the collector printed no tally:\n\(output)")
    }
    description = String(line)
  }

  /// A number by its name, inner ones included; 0 where there is none.
  subscript(_ name: String) -> Int {
    guard let key = description.firstRange(of: "\"\(name)\":") else { return 0 }
    return Int(description[key.upperBound...].prefix { $0.isNumber }) ?? 0
  }

  var received: Int { self["received"] }
  var distinct: Int { self["distinct"] }
  var expected: Int { self["expected"] }
  var missing: Int { self["missing"] }
  var altered: Int { self["altered"] }
  var orderInversions: Int { self["order_inversions"] }
  var duplicatesByAgent: Int { self["duplicates_by_agent"] }
  var duplicatesBySource: Int { self["duplicates_by_source"] }
  var gapRecords: Int { self["gap_records"] }
}

/// A fleet of sensors that publishes to a broker.
final class Sensors {
  let statePath: String
  private let url: String
  private let scratch: Scratch
  private let arguments: [String]
  private var process: ChildProcess?
  private var stopPath = ""

  init(url: String, in scratch: Scratch, _ arguments: [String] = []) {
    self.url = url
    self.scratch = scratch
    self.arguments = arguments
    statePath = scratch.newPath("sent")
  }

  /// Starts publishing; a second start goes on with the counters of the first.
  func start(rate: Int = 0, count: Int = 0) throws {
    stopPath = scratch.newPath("stop")
    process = try ChildProcess(
      Programs.traffic,
      [
        "publish", "--url", url, "--rate", "\(rate)", "--count", "\(count)", "--reconnect",
        "--state", statePath, "--stop-file", stopPath, "--patience", "60",
      ] + arguments,
      output: scratch.newPath("sensors.log"),
      network: scratch.network
    )
  }

  /// Waits until all was published and acknowledged.
  func finish(within seconds: Double = 120) async throws {
    guard let process else { return }
    let status = try await process.ended(within: seconds)
    guard status == .code(0) else {
      throw TestFailure("publishing ended with \(status):\n\(process.tail)")
    }
  }

  func stop() async throws {
    try writeText(stopPath, "")
    try await finish()
  }

  func publish(count: Int, rate: Int = 0) async throws {
    try start(rate: rate, count: count)
    try await finish()
  }
}

extension Sensors {
  /// How many events of each of the fleet's topics were acknowledged, by topic.
  func acknowledged() throws -> [String: Int] {
    let quantities = [
      "temperature", "humidity", "pressure", "vibration", "power", "flow", "level", "co2",
    ]
    var counts: [String: Int] = [:]
    for line in readText(statePath).split(separator: "\n").dropFirst(2) {
      let numbers = line.split(separator: " ").compactMap { Int($0) }
      guard numbers.count == 3 else { throw TestFailure("the sensors' state holds \(line)") }
      let index = numbers[0]
      let name = "sensors/hall-\(index / 24 + 1)/\(quantities[index % 8])/\(index % 24 + 1)"
      counts[name] = numbers[1]
    }
    return counts
  }
}

/// The collector at the centre, with a session that outlives the broker's restarts.
final class Collector {
  private let process: ChildProcess
  private let finishPath: String

  init(
    url: String,
    expecting statePath: String,
    in scratch: Scratch,
    filter: String = "sensors/#",
    version: String = "5",
    idle: Double = 20,
    _ arguments: [String] = []
  ) async throws {
    finishPath = scratch.newPath("finish")
    process = try ChildProcess(
      Programs.traffic,
      [
        "collect", "--url", url, "--filter", filter, "--version", version, "--client-id",
        "collector", "--expect", statePath, "--finish-file", finishPath, "--until-idle",
        "\(idle)", "--patience", "600", "--json",
      ] + arguments,
      output: scratch.newPath("collector.log"),
      network: scratch.network
    )
    let isReady = try await eventually(within: 20) { process.output.contains(Self.readyLine) }
    guard isReady else { throw TestFailure("the collector can't subscribe:\n\(process.tail)") }
  }

  /// What it says each time when it has subscribed.
  private static let readyLine = "centre: subscribed"

  /// How often it has subscribed.
  var subscriptionCount: Int { process.output.ranges(of: Self.readyLine).count }

  /// Waits until nothing is missing, or nothing more comes, and returns the tally.
  func tally(within seconds: Double = 150) async throws -> TallyReport {
    try writeText(finishPath, "")
    try await process.ended(within: seconds)
    return try TallyReport(process.output)
  }
}
