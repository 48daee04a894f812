// From the command to connect until CONNACK, within one deadline.
//
// Name resolution and TCP connect block inside the library, resolution for as long as the resolver
// likes, and nothing can interrupt them. So each attempt runs on a thread of its own, and the
// link's thread waits for it no longer than the deadline; after that the attempt is abandoned: its
// thread destroys the client once it is through. At most ``ConnectAttempt/hangingCountMax`` of
// them exist per link; beyond that the link waits.

import Glibc
import HoldfastLink
import Synchronization

/// One blocking `MosquittoClient.connect` on a thread of its own.
final class ConnectAttempt: Sendable {
  /// Most attempts of one link, abandoned ones included, that hang in the kernel.
  static let hangingCountMax = 4

  private enum State {
    case running
    case succeeded(MosquittoClient)
    case failed(LinkFailure)
    case abandoned
  }

  private let state = Mutex(State.running)

  /// Starts the attempt.
  ///
  /// - Parameters:
  ///   - client: not connected yet; this attempt's alone until it has succeeded.
  ///   - hanging: counts this link's attempts whose thread is still there.
  ///   - wake: signalled at the end.
  /// - Returns: the attempt, under way.
  static func start(
    _ client: MosquittoClient,
    hanging: HangingCount,
    wake: EventDescriptor
  ) -> ConnectAttempt {
    let attempt = ConnectAttempt()
    hanging.add(1)
    let hasStarted = PosixThread.start("connect") {
      var failure: LinkFailure?
      do throws(LinkFailure) { try client.connect() } catch { failure = error }
      attempt.finish(client, failure)
      hanging.add(-1)
      wake.signal()
    }
    if !hasStarted {
      hanging.add(-1)
      attempt.finish(client, LinkFailure(.unreachable, "no thread left"))
    }
    return attempt
  }

  /// The connected client once there is one; nil while the attempt runs.
  func result() throws(LinkFailure) -> MosquittoClient? {
    let result: Result<MosquittoClient?, LinkFailure> = state.withLock { state in
      switch state {
      case .running, .abandoned: .success(nil)
      case .succeeded(let client): .success(client)
      case .failed(let failure): .failure(failure)
      }
    }
    return try result.get()
  }

  /// Lets the attempt end by itself.
  func abandon() { state.withLock { $0 = .abandoned } }

  private func finish(_ client: MosquittoClient, _ failure: LinkFailure?) {
    state.withLock { state in
      guard case .running = state else { return }
      state = failure.map { .failed($0) } ?? .succeeded(client)
    }
  }
}

/// How many connecting threads of one link there are.
final class HangingCount: Sendable {
  private let count = Atomic(0)

  func add(_ change: Int) { count.add(change, ordering: .relaxed) }
  var isNone: Bool { count.load(ordering: .relaxed) == 0 }
  var isExhausted: Bool { count.load(ordering: .relaxed) >= ConnectAttempt.hangingCountMax }
}

/// The way to CONNACK; owned by the link's thread.
final class LinkSetup {
  private enum Stage {
    case connecting(ConnectAttempt)
    /// Too many earlier attempts still hang.
    case waiting
    case answering(MosquittoClient)
  }

  /// When it fails, microseconds by boot clock.
  let deadline: Int64
  private let settings: ClientSettings
  private let receiver: any MosquittoClientReceiver
  private var stage: Stage

  /// Begins an attempt.
  ///
  /// - Throws: ``LinkFailure`` where a setting can't be used.
  init(
    _ settings: ClientSettings,
    receiver: any MosquittoClientReceiver,
    hanging: HangingCount,
    wake: EventDescriptor,
    now: Int64
  ) throws(LinkFailure) {
    self.settings = settings
    self.receiver = receiver
    deadline = now + max(0, settings.link.connectTimeout)
    if hanging.isExhausted {
      stage = .waiting
    } else {
      let client = try MosquittoClient(settings)
      stage = .connecting(ConnectAttempt.start(client, hanging: hanging, wake: wake))
    }
  }

  deinit {
    switch stage {
    case .connecting(let attempt): attempt.abandon()
    case .answering(let client) where client.grant == nil: client.receiver = nil
    case .answering, .waiting: break
    }
  }

  /// What to poll for meanwhile.
  var pollRequest: PollRequest {
    guard case .answering(let client) = stage, let descriptor = client.descriptor else {
      return PollRequest(-1, 0)
    }
    return PollRequest(descriptor, client.wantsWrite ? POLLIN | POLLOUT : POLLIN)
  }

  /// Goes on as far as it can without waiting.
  ///
  /// - Parameters:
  ///   - events: what poll(2) reported.
  ///   - now: microseconds by boot clock.
  /// - Returns: the client once CONNACK has granted the connection.
  /// - Throws: ``LinkFailure`` when it ended before.
  func advance(_ events: Int32, now: Int64) throws(LinkFailure) -> MosquittoClient? {
    if case .connecting(let attempt) = stage, let client = try attempt.result() {
      client.receiver = receiver
      stage = .answering(client)
    }
    if case .answering(let client) = stage {
      do throws(LinkFailure) {
        if try answer(from: client, events) { return client }
      } catch {
        client.receiver = nil
        throw error
      }
    }
    if now >= deadline { throw LinkFailure(.connectTimeout, timeoutText) }
    return nil
  }

  private func answer(
    from client: MosquittoClient,
    _ events: Int32
  ) throws(LinkFailure) -> Bool {
    let isReadable = events & (POLLIN | POLLERR | POLLHUP) != 0
    // One packet at a time, so that nothing but CONNACK is read in here.
    if isReadable { _ = try client.read() }
    if client.grant != nil { return true }
    if isReadable && settings.link.tls != nil && client.isAtEnd { throw client.handshakeFailure }
    // A peer's last words are read before a write to it fails: with TLS 1.3 it may refuse us when
    // the handshake is over for us.
    let isWaiting = settings.link.tls != nil && client.hasArrivals
    if client.wantsWrite && !isWaiting { _ = try client.write() }
    return false
  }

  private var timeoutText: String {
    let seconds = "\(settings.link.connectTimeout / 1_000_000) s"
    return switch stage {
    case .answering: "connected, but no CONNACK within \(seconds)"
    case .connecting: "no TCP connection within \(seconds)"
    case .waiting: "earlier attempts to connect still hang"
    }
  }
}
