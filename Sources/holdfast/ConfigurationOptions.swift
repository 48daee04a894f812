import ArgumentParser
import Glibc
import HoldfastAgent
import HoldfastConfiguration

/// `--config`, for the commands that read the configuration.
struct ConfigurationOptions: ParsableArguments {
  static let defaultPath = "/etc/holdfast/holdfast.toml"

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The configuration file.", valueName: "file")
  )
  var config = Self.defaultPath

  /// The checked configuration.
  ///
  /// Errors all go to standard error and end the command with 78; warnings go there too, and
  /// don't end it.
  func load() throws -> LoadedConfiguration { try told(for: .agent) }

  /// The same for another command than the agent's.
  func load(for purpose: ConfigurationFile.Purpose) throws -> AgentConfiguration {
    try told(for: purpose).configuration
  }

  private func told(for purpose: ConfigurationFile.Purpose) throws -> LoadedConfiguration {
    do {
      return try loaded(for: purpose, warn: complain)
    } catch {
      complain(error.description)
      throw ExitCode(ExitStatus.configuration)
    }
  }

  /// The same, with its errors for the caller to tell.
  ///
  /// - Parameters:
  ///   - purpose: who is going to use it.
  ///   - warn: takes each warning.
  /// - Returns: the checked configuration.
  /// - Throws: all that is wrong with it.
  func loaded(
    for purpose: ConfigurationFile.Purpose = .agent,
    warn: (String) -> Void = complain
  ) throws(ConfigurationError) -> LoadedConfiguration {
    let loaded = try ConfigurationFile.load(
      path: config,
      defaultAgentID: machineAgentID(),
      variables: processVariables(),
      purpose: purpose
    )
    for warning in loaded.warnings {
      warn(warning.described(file: config, severity: "warning"))
    }
    return loaded
  }

  /// From the machine's id, or its host name where there is none.
  private func machineAgentID() -> String {
    var buffer = [UInt8](repeating: 0, count: 64)
    let descriptor = open("/etc/machine-id", O_RDONLY | O_CLOEXEC)
    if descriptor >= 0 {
      defer { close(descriptor) }
      let count = read(descriptor, &buffer, buffer.count)
      // An image's id is "uninitialized" until its first boot.
      if count >= 32 {
        return defaultAgentID(machineID: String(decoding: buffer[..<count], as: UTF8.self))
      }
    }
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "" }
    let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return defaultAgentID(machineID: String(decoding: bytes, as: UTF8.self))
  }
}
