import Glibc
import Synchronization

/// Threads of our own: the data path never runs on Swift's cooperative pool, whose few threads
/// a blocking call would occupy.
package enum PosixThread {
  private final class Body {
    let name: String
    let run: @Sendable () -> Void

    init(name: String, run: @escaping @Sendable () -> Void) {
      self.name = name
      self.run = run
    }
  }

  /// Starts a detached thread.
  ///
  /// - Parameters:
  ///   - name: for ps(1); the kernel keeps 15 bytes.
  ///   - run: the thread ends when it returns.
  /// - Returns: whether the operating system had a thread left.
  @discardableResult
  package static func start(_ name: String, run: @escaping @Sendable () -> Void) -> Bool {
    let body = unsafe Unmanaged.passRetained(Body(name: name, run: run))
    var thread = pthread_t()
    let result = unsafe pthread_create(
      &thread,
      nil,
      { context in
        guard let context = unsafe context else { return nil }
        let body = unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
        nameCurrentThread(body.name)
        body.run()
        return nil
      },
      body.toOpaque()
    )
    guard result == 0 else {
      unsafe body.release()
      return false
    }
    _ = pthread_detach(thread)
    return true
  }
}

/// Counts threads down to none, for a bounded wait.
package final class Latch: Sendable {
  private let count: Mutex<Int>
  private let event = EventDescriptor()

  package init(count: Int) { self.count = Mutex(count) }

  package func countDown() {
    let rest = count.withLock { count in
      count -= 1
      return count
    }
    if rest == 0 { event.signal() }
  }

  /// Waits for the last `countDown`.
  ///
  /// - Parameter deadline: microseconds by boot clock.
  /// - Returns: false when the deadline came first.
  package func wait(until deadline: Int64) -> Bool {
    while count.withLock({ $0 > 0 }) {
      let rest = deadline - SystemClock.boot()
      if rest <= 0 { return false }
      _ = waitForEvents([PollRequest(event.descriptor, POLLIN)], microseconds: rest)
    }
    return true
  }
}

/// One descriptor to wait for, and what for; a descriptor below 0 is passed over.
struct PollRequest {
  var descriptor: Int32
  var events: Int16

  init(_ descriptor: Int32, _ events: Int32) {
    self.descriptor = descriptor
    self.events = Int16(truncatingIfNeeded: events)
  }
}

/// poll(2) over a few descriptors.
///
/// - Parameters:
///   - requests: what to wait for.
///   - microseconds: at most this long; below 0 counts as 0.
/// - Returns: what came true for each request; all 0 after a time-out or a signal.
func waitForEvents(_ requests: [PollRequest], microseconds: Int64) -> [Int32] {
  var descriptors = requests.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
  // Rounded up: waking early would mean waking twice.
  let milliseconds = (min(max(microseconds, 0), 3600 * 1_000_000) + 999) / 1000
  let count = unsafe poll(&descriptors, nfds_t(descriptors.count), Int32(milliseconds))
  return descriptors.map { count > 0 ? Int32($0.revents) : 0 }
}

/// Sleeps until an instant of the boot clock, in microseconds; at most a few milliseconds.
func pause(until instant: Int64) {
  let rest = instant - SystemClock.boot()
  if rest > 0 { usleep(UInt32(clamping: min(rest, 10_000))) }
}

private func nameCurrentThread(_ name: String) {
  let descriptor = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return }
  let bytes = Array(name.utf8.prefix(15))
  _ = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
  _ = close(descriptor)
}
