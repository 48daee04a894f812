import Glibc
import HoldfastAgent
import Logging
import Testing

@testable import HoldfastSystem

/// An agent that is told to stop and can't: its thread never runs.
@Suite struct SuperviseTests {
  private static func endStuckAgent(signals: [Int32]) -> Int32 {
    let logger = Logger(label: "test") { _ in LineLogHandler() }
    let service = ServiceManager(path: nil, watchdogInterval: nil)
    var configuration = AgentConfiguration(agentID: "edge", sources: [], upstreams: [])
    configuration.dataDirectory = "/nowhere"
    let agent = AgentThread(
      configuration: configuration,
      version: "test",
      logger: logger,
      service: service
    )
    for number in signals { agent.reports.post(.signal(number)) }
    let supervisor = Supervisor(
      agent,
      configuration: configuration,
      logger: logger,
      service: service,
      version: "test"
    ) { .refused([]) }
    return supervisor.run()
  }

  @Test func aSecondSignalEndsItAtOnce() async {
    await #expect(processExitsWith: .exitCode(128 + SIGTERM)) {
      exit(SuperviseTests.endStuckAgent(signals: [SIGINT, SIGTERM]))
    }
  }

  @Test func oneSignalAndNoEndSaysThatNotAllIsSaved() async {
    await #expect(processExitsWith: .exitCode(AgentExit.unsaved)) {
      exit(SuperviseTests.endStuckAgent(signals: [SIGTERM]))
    }
  }

  @Test func aRefusedConfigurationChangesNothing() async {
    await #expect(processExitsWith: .exitCode(AgentExit.unsaved)) {
      // Both are taken: the first reads and refuses, and the stop that follows is the first one.
      exit(SuperviseTests.endStuckAgent(signals: [SIGHUP, SIGHUP, SIGTERM]))
    }
  }
}
