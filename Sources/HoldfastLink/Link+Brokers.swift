public import HoldfastEvent

// The list of brokers of a link with `fallback_urls`.
//
// * Each attempt that fails is followed by one at the next broker, within a second; behind the last of
//   them stands the backoff, and then the primary again.
// * A link that was of use and ended begins at the primary; one that was not counts as a failed
//   attempt, or a primary that lets us in and does nothing would keep us for ever.
// * While another broker is used, the primary is asked by a connection of its own. Only when it has
//   answered CONNACK the owner sends nothing new, waits for what is in flight, and calls
//   ``Link/goHome(now:log:)``: a primary that is away never costs a link that works.
// * All of it at random instants: a fleet that lost its primary at one instant neither leaves nor
//   comes back at one.

/// What a link knows of one broker of its list.
struct BrokerMemory: Sendable {
  /// Which version of MQTT it is spoken to.
  var choice: ProtocolChoice
  /// Early closes in a row.
  var earlyCloseCount = 0
  /// The last failure, and how often it came in a row.
  var repeated: (kind: LinkFailure.Kind, count: Int, shownAt: Int64)?
}

/// The way back to the primary.
enum Comeback: Equatable, Sendable {
  /// There is none: the primary is used, or no link is up.
  case none
  /// The primary is asked at that instant.
  case asking(at: Int64)
  /// It was asked, and has not answered.
  case asked
  /// It has answered: the link is left when nothing is in flight, at that instant at the latest.
  case leaving(by: Int64)

  var wakeAt: Int64? {
    switch self {
    case .none, .asked: nil
    case .asking(let at): at
    case .leaving(let by): by
    }
  }
}

/// Where the next attempt is made.
enum Step: Sendable { case first, stay, next }

extension Link {
  /// The primary has answered: what is in flight at the other broker is waited for no longer than
  /// this, microseconds; what is unanswered by then is sent again to the primary.
  public static let leaveTime: Int64 = 5 * microsecondsPerSecond
  /// Ends of the delay before the next broker of the list is tried, microseconds.
  static let hopDelays = Backoff.floor...Backoff.base
  /// Parts the jitter of the list from that of the backoff.
  static let hopSeed: UInt64 = 0x686f_7073_2121_2121

  /// Brokers that it may connect to, the primary included.
  public var brokerCount: Int { brokers.count }

  /// Where it connects to, for messages to people.
  public var url: String { url(at: place) }

  /// The URL of a broker of the list, also as a key.
  public func url(at place: Int) -> String {
    place == 0 ? configuration.url : configuration.broker(at: place).url
  }

  /// Under `auto`, while 3.1.1 is chosen there and proven: when 5 gets its next try, microseconds.
  public func fallbackUntil(at place: Int = 0) -> Int64? {
    brokers.indices.contains(place) ? brokers[place].choice.fallbackUntil : nil
  }

  /// Begins with 3.1.1, which an earlier run had to choose; to be called before the first `tick`.
  ///
  /// - Parameters:
  ///   - place: of which broker of the list that is known.
  ///   - until: when 5 gets its next try.
  ///   - now: boot clock.
  public mutating func recallFallback(at place: Int = 0, until: Int64, now: Int64) {
    guard brokers.indices.contains(place) else { return }
    brokers[place].choice.recallFallback(until: until, now: now)
  }

  /// Whether the primary has answered and nothing new may be sent on this link.
  public var isLeaving: Bool {
    if isUp, case .leaving = comeback { true } else { false }
  }

  /// Returns the version to ask the primary with when that is due; answered by ``asked(_:now:log:)``.
  public mutating func ask(now: Int64, log: inout [LogEntry]) -> ProtocolVersion? {
    guard isUp, case .asking(let at) = comeback, now >= at else { return nil }
    let (version, note) = brokers[0].choice.next(now: now)
    if let note { log.append(LogEntry(.notice, "\(name): \(configuration.url): \(note)")) }
    comeback = .asked
    return version
  }

  /// The primary answered a connection that only asks, or did not; nil: it granted it.
  ///
  /// An answer that nobody waits for any more changes nothing.
  public mutating func asked(_ failure: LinkFailure?, now: Int64, log: inout [LogEntry]) {
    guard isUp, comeback == .asked else { return }
    guard let failure else {
      comeback = .leaving(by: now.addingSaturated(Self.leaveTime))
      return
    }
    // The other version is worth another try at once.
    let note = brokers[0].choice.failed(failure.kind, now: now)
    let isTriedSoon = isWorthAnotherVersion(note, at: 0)
    let delay = isTriedSoon ? hopDelay() : comebackDelay()
    comeback = .asking(at: now.addingSaturated(delay))
    let detail = failure.detail.isEmpty ? "" : " (\(failure.detail))"
    log.append(
      LogEntry(
        .debug,
        "\(name): \(configuration.url) is still not there: \(words(for: failure.kind, .v5))\(detail)"
          + "; asking again in \(durationText(delay))"
      )
    )
  }

  /// Drops the link for the primary's sake, which is connected to at once.
  ///
  /// - Parameters:
  ///   - now: boot clock.
  ///   - log: a line is appended.
  /// - Returns: whether the shell must be told to drop it.
  public mutating func goHome(now: Int64, log: inout [LogEntry]) -> Bool {
    guard isLeaving else { return false }
    log.append(LogEntry(.info, "\(name): going back from \(url) to \(configuration.url)"))
    _ = take(.first)
    state = .closing(retryAt: now)
    return true
  }

  /// Whether a broker that refused MQTT 5 is asked for 3.1.1 next: one that refused both is not there.
  func isWorthAnotherVersion(_ note: String?, at place: Int) -> Bool {
    note != nil && configuration.protocolPolicy == .auto && brokers[place].choice.isFallenBack
  }

  /// The primary was asked, and may have granted a connection.
  var isComingBack: Bool {
    switch comeback {
    case .asked, .leaving: true
    case .none, .asking: false
    }
  }

  /// The question itself took the session: the two brokers share them.
  mutating func comeBackAtOnce(now: Int64, log: inout [LogEntry]) {
    log.append(
      LogEntry(.info, "\(name): \(configuration.url) took the session over from \(url); going back")
    )
    _ = take(.first)
    state = .waiting(until: now.addingSaturated(hopDelay()))
  }

  /// Goes on in the list; true if that is another broker of the same round.
  mutating func take(_ step: Step) -> Bool {
    comeback = .none
    switch step {
    case .stay: return false
    case .first:
      place = 0
      return false
    case .next:
      place = place + 1 < brokers.count ? place + 1 : 0
      return place > 0
    }
  }

  /// Where to go from a link that is up.
  func stepAfterUp(_ now: Int64) -> Step {
    guard case .up(_, let since) = state else { return .first }
    let wasOfUse = hasProgressed || now.subtractingSaturated(since) >= Self.stableTime
    return wasOfUse ? .first : .next
  }

  mutating func hopDelay() -> Int64 { Int64.random(in: Self.hopDelays, using: &hopRandom) }

  /// Half of `primary_retry` up to one and a half of it.
  mutating func comebackDelay() -> Int64 {
    let time = max(configuration.primaryRetry, Backoff.base)
    return Int64.random(in: time / 2...time.addingSaturated(time / 2), using: &hopRandom)
  }
}
