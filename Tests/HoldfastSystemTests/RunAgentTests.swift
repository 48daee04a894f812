import Glibc
import HoldfastAgent
import HoldfastSystem
import Logging
import Testing

@Suite struct RunAgentTests {
  @Test func aSecondAgentOnOneDirectoryEndsWithItsOwnExitCode() async {
    await #expect(processExitsWith: .exitCode(AgentExit.locked)) {
      let directory = TemporaryDirectory()
      let holder = PosixDisk(path: directory.path, access: .exclusive)
      try holder.lock()
      var configuration = AgentConfiguration(agentID: "edge", sources: [], upstreams: [])
      configuration.dataDirectory = directory.path
      let logger = Logger(label: "test") { _ in LineLogHandler() }
      let code = runAgent(configuration: configuration, version: "test", logger: logger)
      withExtendedLifetime(holder) {}
      exit(code)
    }
  }
}
