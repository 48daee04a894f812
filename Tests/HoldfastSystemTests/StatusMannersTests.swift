import HoldfastLink
import Testing

@testable import HoldfastSystem

@Suite struct StatusMannersTests {
  /// Expectations can't change a value; an object they can.
  private final class Link {
    private var manners = StatusManners()

    func begins(at now: Int64 = 0) -> Bool { manners.begin(now: now) }
    func isGranted(at now: Int64 = 0) { manners.granted(now: now) }
    func hasLastedWithout(at now: Int64) -> Bool { manners.hasLastedWithout(now: now) }
    func ends(_ kind: LinkFailure.Kind, at now: Int64 = 0) {
      manners.ended(LinkFailure(kind), now: now)
    }

    /// One connection that was granted and closed after `time`; whether the status was told.
    func connection(lasting time: Int64) -> Bool {
      let isTold = begins()
      isGranted()
      _ = hasLastedWithout(at: time)
      ends(.closed, at: time)
      return isTold
    }
  }

  private let link = Link()

  @Test func twoRefusalsAndOneWithoutThatLastsEndItForADay() {
    for _ in 0..<2 {
      #expect(link.begins())
      link.ends(.refused)
    }
    #expect(!link.begins(at: 1))
    link.isGranted(at: 1)
    #expect(!link.hasLastedWithout(at: StatusManners.lastingTime))
    let lasting = 1 + StatusManners.lastingTime
    #expect(link.hasLastedWithout(at: lasting))
    #expect(!link.hasLastedWithout(at: lasting + 1), "it is told once")
    link.ends(.closed, at: lasting + 2)
    #expect(!link.begins(at: lasting + 3))
    #expect(link.begins(at: lasting + StatusManners.silence))
  }

  @Test func aConnectionClosedAtOnceCountsAsARefusal() {
    #expect(link.connection(lasting: 10))
    #expect(link.connection(lasting: 10))
    #expect(!link.begins())
  }

  @Test func whereTheStatusIsNotTheReasonItIsToldAgain() {
    for _ in 0..<3 {
      for isTold in [true, true, false] {
        #expect(link.begins() == isTold)
        link.ends(.refused)
      }
    }
    #expect(link.begins())
    link.isGranted()
    #expect(!link.hasLastedWithout(at: StatusManners.lastingTime))
  }

  @Test(arguments: [
    LinkFailure.Kind.unreachable, .tls, .connectTimeout, .sessionTakenOver, .keepAliveTimeout,
  ])
  func otherFailuresSayNothingAboutIt(kind: LinkFailure.Kind) {
    for _ in 0..<5 {
      #expect(link.begins())
      link.ends(kind)
    }
    #expect(link.begins())
  }

  @Test func aConnectionThatLastedStartsAnew() {
    _ = link.connection(lasting: 10)
    _ = link.connection(lasting: StatusManners.lastingTime)
    _ = link.connection(lasting: 10)
    #expect(link.begins())
  }
}
