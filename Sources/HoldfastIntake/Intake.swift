public import HoldfastEvent
public import HoldfastLink

/// The core's side of one source: its link, what it holds unacknowledged, and why it waits.
///
/// All or nothing: libmosquitto has one outgoing queue, so between the first event that is not
/// settled and its settling nothing is written to the socket; then all held PUBACKs leave at once.
public struct Intake: Sendable {
  /// Checked settings.
  public let configuration: SourceConfiguration
  /// Connecting and waiting.
  public var link: Link
  /// What the broker granted; nil while it is not connected.
  public private(set) var grant: SessionGrant?
  /// Marks of what may come twice.
  public var redelivery = Redelivery()
  /// Events handed over whose PUBACKs are held.
  public private(set) var heldCount = 0
  /// Bytes in memory of all that was handed over since PUBACKs last left.
  public private(set) var heldByteCount = 0
  /// Bytes in memory of what was refused for want of room and comes again; 0 once PUBACKs left.
  public private(set) var refusedByteCount = 0
  /// When a refused source may come back at the earliest, microseconds by boot clock.
  public private(set) var returnAt = Int64.min
  private var refusals: Backoff
  /// While the disk fails: every upstream must have passed this number before the release.
  public private(set) var heldUntil: SequenceNumber = 0
  /// An event it handed over was dropped: even while the disk fails its PUBACK waits until the
  /// drop is recorded durably, as no upstream can have passed what is not there.
  public private(set) var needsRecord = false
  /// Since when the source waits for an answer; nil: it reads.
  public private(set) var waitingSince: Int64?

  /// A source that is not connected.
  public init(configuration: SourceConfiguration, seed: UInt64) {
    self.configuration = configuration
    link = Link(
      name: "source \(configuration.name)",
      configuration: configuration.link,
      seed: seed
    )
    refusals = Backoff(cap: configuration.link.backoffMax, seed: seed ^ Self.refusalSeed)
  }

  /// Parts the jitter of refusals from that of the link.
  private static let refusalSeed: UInt64 = 0x7265_6675_7365_6421

  /// How many unacknowledged messages the broker allows before it stops sending.
  public var window: Int {
    grant?.protocolVersion == .v5 ? configuration.receiveMaximum : configuration.inflightWindow
  }

  /// Whether the broker may soon stop sending for want of PUBACKs.
  public var isWindowHalfUsed: Bool { 2 * heldCount >= window }

  /// Longest time without reading, microseconds: PINGRESP stands behind unread messages.
  public var waitMax: Int64 { Int64(configuration.link.keepAliveSeconds) * 500_000 }

  /// When waiting must end in a disconnect; nil while it reads.
  public var waitEndsAt: Int64? { waitingSince.map { $0 &+ waitMax } }

  /// The broker answered CONNACK.
  public mutating func connected(_ grant: SessionGrant) {
    self.grant = grant
  }

  /// The link is gone, and the held PUBACKs with it.
  public mutating func closed() {
    grant = nil
    heldCount = 0
    heldByteCount = 0
    heldUntil = 0
    needsRecord = false
    waitingSince = nil
    redelivery.linkLost()
  }

  /// Events came in; the source waits from now on.
  ///
  /// - Parameters:
  ///   - count: how many want a PUBACK.
  ///   - byteCount: bytes in memory of all of them.
  ///   - end: the log's next number after them.
  ///   - needsRecord: whether one of them was dropped.
  ///   - now: boot clock.
  public mutating func received(
    _ count: Int,
    byteCount: Int = 0,
    heldUntil end: SequenceNumber,
    needsRecord: Bool = false,
    now: Int64
  ) {
    heldCount += count
    heldByteCount += byteCount
    heldUntil = end
    if needsRecord { self.needsRecord = true }
    waitingSince = now
  }

  /// What it handed over last found no room: all that it holds comes again, later each time.
  ///
  /// - Parameter now: boot clock.
  public mutating func refused(now: Int64) {
    refusedByteCount = heldByteCount
    returnAt = now.addingSaturated(refusals.next())
  }

  /// What it handed over is not released for want of room: it waits, even if it still reads.
  public mutating func hold(now: Int64) {
    if heldCount > 0 && waitingSince == nil { waitingSince = now }
  }

  /// The source reads on and keeps its PUBACKs.
  public mutating func readOn() { waitingSince = nil }

  /// The PUBACKs left; the source reads on.
  public mutating func released() {
    heldCount = 0
    heldByteCount = 0
    heldUntil = 0
    needsRecord = false
    waitingSince = nil
    // The answer to a link that is being closed changes nothing.
    guard link.isUp else { return }
    refusedByteCount = 0
    refusals.reset()
    link.noteProgress()
  }
}
