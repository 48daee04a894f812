import ArgumentParser
import HoldfastAgent
import HoldfastIntake
import HoldfastRingLog
import HoldfastStage
import HoldfastUpstream

/// A configuration whose stages are tried on recorded events.
struct Candidate {
  /// As named on the command line.
  var file: String
  var configuration: AgentConfiguration

  init(file: String, _ configuration: AgentConfiguration) {
    self.file = file
    self.configuration = configuration
  }

  /// The upstreams a report is made of: the one named, or all of them.
  ///
  /// Where nothing would be tried the command ends with 78.
  func chosenUpstreams(_ name: String?) throws -> [String] {
    let hasSourceStages = configuration.sources.contains { !$0.stages.isEmpty }
    if let name {
      guard let upstream = configuration.upstreams.first(where: { $0.name == name }) else {
        throw unusable("there is no upstream \"\(name)\"\(otherNames)")
      }
      if upstream.stages.isEmpty && !hasSourceStages {
        throw unusable("upstream \"\(name)\" has no stages: it gets every event as it came")
      }
      return [name]
    }
    if !hasSourceStages && configuration.upstreams.allSatisfy(\.stages.isEmpty) {
      throw unusable("no upstream has stages: each gets every event as it came")
    }
    return configuration.upstreams.map(\.name)
  }

  /// The one upstream whose stages are shown: the one named, or the only one that has some.
  func chosenUpstream(_ name: String?) throws -> String {
    let names = try chosenUpstreams(name)
    let isStaged = { name in
      configuration.upstreams.contains { $0.name == name && !$0.stages.isEmpty }
    }
    let staged = names.count > 1 ? names.filter(isStaged) : names
    guard let only = staged.first ?? names.first, staged.count <= 1 else {
      throw unusable("more than one upstream has stages; name one with --upstream\(otherNames)")
    }
    return only
  }

  private var otherNames: String {
    let names = configuration.upstreams.map { "\"\($0.name)\"" }
    return names.isEmpty ? "" : " (there are \(names.joined(separator: ", ")))"
  }

  private func unusable(_ what: String) -> ExitCode {
    complain("\(file): \(what)")
    return ExitCode(ExitStatus.configuration)
  }

  /// All stages as new; stored events name their source by its place in the ring's accounts, which
  /// is matched with the configuration by name.
  func run(over ring: RingInspection, upstreams names: [String], isExplaining: Bool) -> CandidateRun
  {
    let recorded = ring.account?.sources.map(\.name) ?? configuration.sources.map(\.name)
    if ring.account == nil {
      complain("the ring's accounts can't be read: its sources are taken in the file's order")
    }
    let matching = recorded.map { name in configuration.sources.first { $0.name == name } }
    for (name, source) in zip(recorded, matching) where source == nil {
      complain("warning: \(file) has no source \"\(name)\": payloads of its events are not read")
    }
    let rules = matching.map { $0?.decode ?? DecodeRules() }
    let sources = matching.map { source -> CandidateRun.Part? in
      guard let source, !source.stages.isEmpty else { return nil }
      return CandidateRun.Part(
        name: source.name,
        run: DryRun(stages: source.stages, rules: rules, setsAside: false)
      )
    }
    let upstreams = configuration.upstreams.filter { names.contains($0.name) }.map {
      CandidateRun.Part(
        name: $0.name,
        run: DryRun(
          stages: $0.stages,
          topics: $0.topics,
          rules: rules,
          setsAside: $0.undecodable == .deadLetter
        )
      )
    }
    var run = CandidateRun(sources: sources, upstreams: upstreams)
    run.isExplaining = isExplaining
    return run
  }
}
