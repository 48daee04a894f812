import Glibc
import Synchronization

/// A descriptor that polls readable once it has been signalled.
///
/// A pipe and not eventfd(2), which Swift's view of the C library lacks.
package final class EventDescriptor: Sendable {
  /// What to poll for POLLIN.
  package let descriptor: Int32
  /// Where a byte is a signal, for those who can't call `signal`.
  let writeDescriptor: Int32

  package init() {
    var ends: [Int32] = [-1, -1]
    let result = unsafe pipe(&ends)
    precondition(result == 0, "pipe: no descriptors left")
    descriptor = ends[0]
    writeDescriptor = ends[1]
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
  }

  deinit {
    _ = close(descriptor)
    _ = close(writeDescriptor)
  }

  package func signal() {
    // A full pipe is readable, which is all that is wanted.
    var byte: UInt8 = 0
    _ = unsafe write(writeDescriptor, &byte, 1)
  }

  package func clear() {
    unsafe withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { bytes in
      while unsafe read(descriptor, bytes.baseAddress, bytes.count) == bytes.count {}
    }
  }
}

/// What one thread hands to another, in order; the reader polls `event`.
///
/// Unbounded by itself: each user bounds what can be under way (one batch per source, one window
/// per upstream).
package final class Mailbox<Element: Sendable>: Sendable {
  package let event = EventDescriptor()
  private let pending = Mutex<[Element]>([])

  package init() {}

  package func post(_ element: Element) {
    let wasEmpty = pending.withLock { pending in
      pending.append(element)
      return pending.count == 1
    }
    if wasEmpty { event.signal() }
  }

  /// Everything posted so far; empty when there is nothing.
  package func takeAll() -> [Element] {
    // Cleared before the take: what is posted after the take signals again.
    event.clear()
    return pending.withLock { pending in
      var taken: [Element] = []
      swap(&taken, &pending)
      return taken
    }
  }
}
