import Glibc
import Synchronization

/// Passes TCP connections on to a port of the same machine, and notes what comes from the client.
///
/// It counts what the client's kernel has sent, whatever it is: MQTT, TLS records, handshakes.
final class CountingRelay: Sendable {
  struct Arrival {
    /// Microseconds by the monotonic clock.
    var at: Int64
    var byteCount: Int
  }

  let port: Int
  private let listener: Int32
  private let target: Int
  private let arrivals = Mutex<[Arrival]>([])
  private let isOver = Atomic(false)

  init(to target: Int) throws {
    port = try Ports.take()
    self.target = target
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let port = port
    let isListening = Self.withAddress(port) { [listener] in
      bind(listener, $0, $1) == 0 && listen(listener, 8) == 0
    }
    guard isListening else { throw TestFailure("the relay can't listen at \(port)") }
    Self.startThread { self.run() }
  }

  /// Ends the relay and all that goes through it.
  func stop() { isOver.store(true, ordering: .relaxed) }

  var url: String { "mqtt://127.0.0.1:\(port)" }
  var secureURL: String { "mqtts://127.0.0.1:\(port)" }

  /// All that came, in order.
  var all: [Arrival] { arrivals.withLock { $0 } }

  /// Most bytes that came within any span of so many seconds.
  func most(within seconds: Double) -> Int {
    let all = all
    var (most, total, start) = (0, 0, 0)
    for arrival in all {
      total += arrival.byteCount
      while all[start].at <= arrival.at - Int64(seconds * 1e6) {
        total -= all[start].byteCount
        start += 1
      }
      most = max(most, total)
    }
    return most
  }

  private func run() {
    var links: [(client: Int32, server: Int32)] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while !isOver.load(ordering: .relaxed) {
      var requests = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
      for link in links {
        requests.append(pollfd(fd: link.client, events: Int16(POLLIN), revents: 0))
        requests.append(pollfd(fd: link.server, events: Int16(POLLIN), revents: 0))
      }
      guard poll(&requests, nfds_t(requests.count), 100) > 0 else { continue }
      var kept: [(client: Int32, server: Int32)] = []
      for (index, link) in links.enumerated() {
        let fromClient = requests[1 + 2 * index].revents != 0
        let fromServer = requests[2 + 2 * index].revents != 0
        let isOpen =
          (!fromClient || pass(link.client, link.server, &buffer, isCounted: true))
          && (!fromServer || pass(link.server, link.client, &buffer, isCounted: false))
        if isOpen {
          kept.append(link)
        } else {
          close(link.client)
          close(link.server)
        }
      }
      links = kept
      if requests[0].revents != 0, let link = accepted() { links.append(link) }
    }
    for link in links {
      close(link.client)
      close(link.server)
    }
    close(listener)
  }

  private func accepted() -> (Int32, Int32)? {
    let client = accept(listener, nil, nil)
    guard client >= 0 else { return nil }
    let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard Self.withAddress(target, { connect(server, $0, $1) }) == 0 else {
      close(client)
      close(server)
      return nil
    }
    return (client, server)
  }

  /// Passes on what there is; false at the end.
  private func pass(
    _ from: Int32,
    _ to: Int32,
    _ buffer: inout [UInt8],
    isCounted: Bool
  ) -> Bool {
    let count = recv(from, &buffer, buffer.count, 0)
    guard count > 0 else { return false }
    if isCounted {
      var time = timespec()
      clock_gettime(CLOCK_MONOTONIC, &time)
      let at = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
      arrivals.withLock { $0.append(Arrival(at: at, byteCount: count)) }
    }
    var sent = 0
    while sent < count {
      let part = buffer.withUnsafeBytes {
        Glibc.send(to, $0.baseAddress.map { $0 + sent }, count - sent, Int32(MSG_NOSIGNAL))
      }
      if part <= 0 { return false }
      sent += part
    }
    return true
  }

  private static func withAddress<Result>(
    _ port: Int,
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  private final class Work {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
  }

  private static func startThread(_ run: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let work = Unmanaged.passRetained(Work(run)).toOpaque()
    pthread_create(
      &thread,
      nil,
      { argument in
        if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
      },
      work
    )
    pthread_detach(thread)
  }
}
