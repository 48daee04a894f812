import Glibc
import HoldfastLink
import Synchronization

/// Asks a broker for a connection and lets it go again, beside the link of an upstream.
///
/// One question at a time; what blocks in the resolver or in connect(2) is bounded as it is for the
/// link itself. It has the upstream's client id, of which that broker holds no connection, and neither
/// subscribes nor publishes nor leaves a last will.
final class PrimaryQuestion: Sendable {
  private let isAsking = Atomic(false)
  private let hanging = HangingCount()

  /// Asks, unless the question before is still open: then that one's answer is the answer.
  ///
  /// - Parameters:
  ///   - settings: of the broker; the rest as for the link.
  ///   - answer: called once, on another thread; nil: the broker granted it.
  func ask(_ settings: ClientSettings, answer: @escaping @Sendable (LinkFailure?) -> Void) {
    guard !isAsking.exchange(true, ordering: .acquiringAndReleasing) else { return }
    var settings = settings
    settings.tellsStatus = false
    let asked = settings
    let hasStarted = PosixThread.start("ask") {
      let failure = self.failure(asked)
      self.isAsking.store(false, ordering: .releasing)
      answer(failure)
    }
    if !hasStarted {
      isAsking.store(false, ordering: .releasing)
      answer(LinkFailure(.unreachable, "no thread left"))
    }
  }

  private func failure(_ settings: ClientSettings) -> LinkFailure? {
    let wake = EventDescriptor()
    do throws(LinkFailure) {
      let setup = try LinkSetup(
        settings,
        receiver: Nobody(),
        hanging: hanging,
        wake: wake,
        now: SystemClock.boot()
      )
      var events: Int32 = 0
      while true {
        let now = SystemClock.boot()
        if let client = try setup.advance(events, now: now) {
          client.disconnect(status: .stopped)
          return nil
        }
        let own = PollRequest(wake.descriptor, POLLIN)
        events = waitForEvents([own, setup.pollRequest], microseconds: setup.deadline - now)[1]
        wake.clear()
      }
    } catch {
      return error
    }
  }
}

/// Takes nothing.
private final class Nobody: MosquittoClientReceiver {
  func granted(_ grant: SessionGrant, by client: MosquittoClient) {}
  func subscribed(codes: [Int32]) {}
  func received(
    topic: UnsafeRawBufferPointer,
    payload: UnsafeRawBufferPointer,
    properties: [UInt8],
    isQoS1: Bool,
    isRetained: Bool
  ) {}
  func acknowledged(messageID: Int32, reasonCode: UInt8) {}
}
