import ArgumentParser
import Glibc
import HoldfastSimulation

/// Many agents come back to one broker.
struct HerdCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "herd",
    abstract: "Lets thousands of agents come back to one central broker after an outage.",
    discussion: """
      Prints how long the broker's queue became and when all was delivered, with and without the \
      jitter, the growing window and the waiting that agents do for its sake.
      """
  )

  @Option(help: "How many agents.")
  var agents = 10_000

  @Option(help: "Messages that the broker takes in a second.")
  var messagesPerSecond = 20_000

  @Option(help: "Connects that the broker takes in a second.")
  var connectsPerSecond = 1000

  @Option(help: "Where all chance comes from.")
  var seed: UInt64 = 1

  @Option(help: "Writes a picture to this file (SVG).")
  var picture: String?

  func validate() throws {
    guard (1...100_000).contains(agents), (1...1_000_000).contains(messagesPerSecond),
      (1...1_000_000).contains(connectsPerSecond)
    else { throw ValidationError("give at least 1 of each, and at most 100000 agents") }
  }

  func run() throws {
    var reports: [HerdReport] = []
    for manner in HerdSettings.Manner.allCases {
      var settings = HerdSettings(manner)
      settings.seed = seed
      settings.agentCount = agents
      settings.messagesPerSecond = messagesPerSecond
      settings.connectsPerSecond = connectsPerSecond
      var herd = Herd(settings)
      reports.append(herd.run())
    }
    print(HerdReport.table(reports), terminator: "")
    guard let picture else { return }
    guard let file = fopen(picture, "w") else {
      throw ValidationError("\(picture) can't be written")
    }
    defer { fclose(file) }
    fputs(HerdReport.picture(reports), file)
  }
}
