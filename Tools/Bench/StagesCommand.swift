import ArgumentParser

/// `bench stages`: the stages alone, on one core, without log and links.
struct StagesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stages",
    abstract: "CPU and allocations per event of each stage, and of a pipeline, on JSON events."
  )

  @Option(help: "Events of the trace.")
  var count = 100_000

  func validate() throws {
    guard count > 0 else { throw ValidationError("--count: above 0") }
  }

  func run() throws {
    var traffic = StageTraffic(eventCount: count)
    let size = traffic.payloadByteCount / count
    let none = traffic.measure([])
    for (name, stages) in try stageSamples() {
      print("\(name): \(text(traffic.measure(stages)))")
    }
    print("no stage: \(text(none)); JSON of \(size) bytes on average")
    for (name, threshold) in [("0.5", 0.5), ("0, which nearly all pass", 0)] {
      let figure = traffic.measure(try aimedPipeline(threshold: threshold))
      let rate = Int(1e9 / figure.nanosecondsPerEvent)
      print("pipeline, deadband of \(name): \(rate) events/s, \(text(figure))")
    }
  }

  private func text(_ figure: StageFigure) -> String {
    "\(Int(figure.nanosecondsPerEvent.rounded())) ns/event, "
      + "\(rounded(figure.allocationsPerEvent)) allocations/event, "
      + "\(rounded(figure.leavingPerEvent)) leave"
  }
}
