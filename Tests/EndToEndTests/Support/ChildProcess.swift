import Glibc

/// How a process ended.
enum ExitStatus: Equatable {
  case code(Int32)
  case signal(Int32)
}

/// Something that kept a test from doing what it is for.
struct TestFailure: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}

/// A process of ours: ends with the object that stands for it, and never by name.
final class ChildProcess {
  let processID: pid_t
  let outputPath: String
  private let name: String
  private var exitStatus: ExitStatus?

  /// Starts a program, found along PATH unless it has a slash.
  ///
  /// Standard output and error are appended to the file `output`.
  init(
    _ program: String,
    _ arguments: [String],
    output: String,
    environment: [(String, String)] = [],
    network: Network? = nil
  ) throws {
    name = program
    let (program, arguments) = network?.wrap(program, arguments) ?? (program, arguments)
    outputPath = output
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigaddset(&signals, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var argumentPointers = ([program] + arguments).map { strdup($0) }
    argumentPointers.append(nil)
    var environmentPointers = Self.environment(adding: environment).map { strdup($0) }
    environmentPointers.append(nil)
    defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
    var processID: pid_t = 0
    let result = posix_spawnp(
      &processID,
      program,
      &actions,
      &attributes,
      argumentPointers,
      environmentPointers
    )
    guard result == 0 else {
      throw TestFailure("\(program): \(String(cString: strerror(result)))")
    }
    self.processID = processID
  }

  deinit {
    guard status == nil else { return }
    kill(processID, SIGKILL)
    waitpid(processID, nil, 0)
  }

  /// Nil while it runs.
  var status: ExitStatus? {
    guard exitStatus == nil else { return exitStatus }
    var number: Int32 = 0
    guard waitpid(processID, &number, WNOHANG) == processID else { return nil }
    let signal = number & 0x7F
    exitStatus = signal == 0 ? .code((number >> 8) & 0xFF) : .signal(signal)
    return exitStatus
  }

  var output: String { readText(outputPath) }

  func send(signal: Int32) {
    guard status == nil else { return }
    kill(processID, signal)
  }

  /// Waits for its end, at most `seconds`.
  @discardableResult
  func ended(within seconds: Double) async throws -> ExitStatus {
    let isOver = try await eventually(within: seconds) { self.status != nil }
    guard isOver, let status else {
      throw TestFailure("\(name) still runs after \(seconds) s; its output ends:\n\(tail)")
    }
    return status
  }

  /// SIGTERM, and the exit code that follows.
  func stop(within seconds: Double = 20) async throws -> ExitStatus {
    send(signal: SIGTERM)
    return try await ended(within: seconds)
  }

  /// SIGSTOP; returns when no thread of it runs any more.
  ///
  /// A thread that waits for the disk stops before it acts on the answer. It can be told from one
  /// that goes on only once another thread has stopped: they are all told to at the same time, by
  /// the first one that gets a processor after the signal.
  ///
  /// - Returns: how long that took, milliseconds.
  @discardableResult
  func freeze() async throws -> Int64 {
    let clock = ContinuousClock()
    let start = clock.now
    send(signal: SIGSTOP)
    let isFrozen = try await eventually(within: 20) {
      let states = self.threadStates
      return states.contains("T") && states.allSatisfy { $0 == "T" || $0 == "D" }
    }
    guard isFrozen else { throw TestFailure("\(name) doesn't stop: \(threadStates)") }
    let duration = start.duration(to: clock.now).components
    return duration.seconds * 1000 + duration.attoseconds / 1_000_000_000_000_000
  }

  /// Each thread's state as in proc(5): `R`, `S`, `D` (waits for the disk), `T` (stopped).
  private var threadStates: [Character] {
    let directory = "/proc/\(processID)/task"
    guard let listing = opendir(directory) else { return [] }
    defer { closedir(listing) }
    var states: [Character] = []
    while let entry = readdir(listing) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      // The name in parentheses may hold anything, so the state is looked for behind the last one.
      let text = readText("\(directory)/\(name)/stat")
      guard let end = text.lastIndex(of: ")") else { continue }
      if let state = text[end...].dropFirst(2).first { states.append(state) }
    }
    return states
  }

  func killAtOnce() async throws {
    send(signal: SIGKILL)
    try await ended(within: 10)
  }

  /// The last lines it wrote.
  var tail: String {
    output.split(separator: "\n").suffix(12).joined(separator: "\n")
  }

  private static func environment(adding more: [(String, String)]) -> [String] {
    var all: [String] = []
    var position = environ
    while let entry = position.pointee {
      let text = String(cString: entry)
      if !more.contains(where: { text.hasPrefix($0.0 + "=") }) { all.append(text) }
      position += 1
    }
    // Mosquitto and nats-server live where a user's PATH may not lead.
    return all.map { $0.hasPrefix("PATH=") ? $0 + ":/usr/sbin:/sbin" : $0 }
      + more.map { "\($0.0)=\($0.1)" }
  }
}

/// Runs a program to its end and returns how it ended and what it wrote.
func run(
  _ program: String,
  _ arguments: [String],
  in scratch: Scratch,
  within seconds: Double = 60
) async throws -> (status: ExitStatus, output: String) {
  let child = try ChildProcess(program, arguments, output: scratch.newPath("run"))
  let status = try await child.ended(within: seconds)
  return (status, child.output)
}

/// Looks every few milliseconds whether something has come true.
func eventually(
  within seconds: Double,
  _ condition: () throws -> Bool
) async throws -> Bool {
  let clock = ContinuousClock()
  let deadline = clock.now + .seconds(seconds)
  while try !condition() {
    if clock.now >= deadline { return false }
    try await Task.sleep(for: .milliseconds(10))
  }
  return true
}

/// The text of a file, empty where there is none.
func readText(_ path: String) -> String {
  guard let file = fopen(path, "re") else { return "" }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = fread(&chunk, 1, chunk.count, file)
    if count == 0 { return String(decoding: bytes, as: UTF8.self) }
    bytes += chunk[..<count]
  }
}

func writeText(_ path: String, _ text: String) throws {
  guard let file = fopen(path, "we") else {
    throw TestFailure("\(path): \(String(cString: strerror(errno)))")
  }
  let isWritten = fputs(text, file) >= 0
  guard fclose(file) == 0, isWritten else { throw TestFailure("can't write \(path)") }
}
