import Glibc

/// System calls of the agent's that fail when a round says so.
///
/// A library of our own stands before the C library's functions (`Tests/Shims`) and shares a page
/// of memory with the test.
final class FailingCalls {
  /// In the library's order.
  enum Call: Int, CaseIterable {
    case openat, pread, pwrite, fdatasync, fsync
  }

  private static let pageByteCount = 4096
  /// Four 32-bit fields per call: error, every, calls, hits.
  private static let fieldCount = 4

  private let page: UnsafeMutablePointer<UInt32>
  /// What the agent is started with.
  let environment: [(String, String)]

  /// Nil, and noted as skipped, where there is no C compiler.
  init?(in scratch: Scratch) async throws {
    let source =
      #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
      + "/Shims/failing_calls.c"
    let library = scratch.newPath("failing_calls.so")
    do {
      let compiled = try await run(
        "cc",
        ["-shared", "-fPIC", "-O1", "-o", library, source],
        in: scratch
      )
      guard compiled.status == .code(0) else { throw TestFailure(compiled.output) }
    } catch {
      Ledger.skip("failing system calls", because: "\(error)")
      return nil
    }
    let path = scratch.newPath("failing-calls")
    try writeText(path, "")
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    defer { close(descriptor) }
    guard descriptor >= 0, ftruncate(descriptor, off_t(Self.pageByteCount)) == 0,
      let address = mmap(
        nil,
        Self.pageByteCount,
        PROT_READ | PROT_WRITE,
        MAP_SHARED,
        descriptor,
        0
      ),
      address != MAP_FAILED
    else { throw TestFailure("can't map \(path): \(errorText())") }
    page = address.bindMemory(to: UInt32.self, capacity: Self.pageByteCount / 4)
    environment = [("LD_PRELOAD", library), ("HOLDFAST_FAILING_CALLS", path)]
  }

  deinit { munmap(page, Self.pageByteCount) }

  /// From now on, one in `every` calls fails with `error`.
  func fail(_ call: Call, with error: Int32, every: Int = 1) {
    set(call, error: UInt32(bitPattern: error), every: every)
  }

  /// From now on, each read or write moves half of its bytes.
  func shorten(_ call: Call) { set(call, error: UInt32.max, every: 1) }

  /// From now on, no call returns before it is healed.
  func hang(_ call: Call) { set(call, error: UInt32(bitPattern: -2), every: 1) }

  /// From now on, each call takes 4 ms longer, as on a poor card.
  func slow(_ call: Call) { set(call, error: UInt32(bitPattern: -3), every: 1) }

  func heal(_ call: Call) { set(call, error: 0, every: 0) }

  /// How often a call has failed or was shortened.
  func hitCount(_ call: Call) -> Int { Int(page[call.rawValue * Self.fieldCount + 3]) }

  var hitCounts: [Int] { Call.allCases.map { hitCount($0) } }

  private func set(_ call: Call, error: UInt32, every: Int) {
    let first = call.rawValue * Self.fieldCount
    page[first + 1] = UInt32(every)
    page[first] = error
  }
}
