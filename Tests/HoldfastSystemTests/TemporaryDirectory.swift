import Glibc

/// A directory that goes with the test.
final class TemporaryDirectory {
  let path: String

  init() {
    var template = Array("/tmp/holdfast-test-XXXXXX".utf8CString)
    path = mkdtemp(&template).map { String(cString: $0) } ?? "/nonexistent"
  }

  deinit { run(["/bin/rm", "-rf", path]) }

  func write(_ name: String, _ text: String) {
    let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    let bytes = Array(text.utf8)
    _ = Glibc.write(descriptor, bytes, bytes.count)
    close(descriptor)
  }
}

/// Runs a program to its end.
///
/// - Returns: its exit status.
@discardableResult
func run(_ words: [String], directory: String? = nil) -> Int32 {
  let child = ChildProcess(words, directory: directory)
  return child.wait()
}

/// A program that a test started; killed with the object.
final class ChildProcess {
  private(set) var processID: pid_t = 0
  private var isRunning = false

  init(_ words: [String], directory: String? = nil) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let log = "\(directory ?? "/tmp")/output.txt"
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    let target = directory == nil ? "/dev/null" : log
    posix_spawn_file_actions_addopen(&actions, 1, target, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // Test threads have most signals blocked, and a child would inherit that.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var arguments = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    isRunning = posix_spawn(&processID, words[0], &actions, &attributes, &arguments, environ) == 0
  }

  deinit { end(SIGKILL) }

  func end(_ number: Int32) {
    guard isRunning else { return }
    kill(processID, number)
    _ = wait()
  }

  func signal(_ number: Int32) { kill(processID, number) }

  func wait() -> Int32 {
    guard isRunning else { return -1 }
    var status: Int32 = 0
    while waitpid(processID, &status, 0) == -1 && errno == EINTR {}
    isRunning = false
    return (status >> 8) & 255
  }
}
