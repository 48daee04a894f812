import HoldfastSimulation
import Testing

/// A small herd behaves as the large one of the page.
@Suite struct HerdTests {
  private func report(_ manner: HerdSettings.Manner) -> HerdReport {
    var settings = HerdSettings(manner)
    settings.agentCount = 500
    settings.messagesPerSecond = 1000
    settings.connectsPerSecond = 50
    settings.outage = 600_000_000
    var herd = Herd(settings)
    return herd.run()
  }

  @Test func `the queue is shorter, and nothing comes twice, where agents hold back`() throws {
    let none = report(.none)
    let jitter = report(.jitter)
    let ramp = report(.ramp)
    #expect(none.messageQueueMax > 4 * ramp.messageQueueMax, "\(none.messageQueueMax)")
    #expect(jitter.messageQueueMax > 2 * ramp.messageQueueMax)
    #expect(none.repeatedCount > 0)
    #expect(ramp.repeatedCount == 0 && ramp.givenUpCount == 0)
    // All of it is delivered about as soon as the broker can take it.
    let drainedAt = try #require(ramp.drainedAt)
    let least: Int64 = 500 * 120 * 1000
    #expect(drainedAt > least && drainedAt < least * 2, "\(drainedAt)")
    #expect(ramp.series.last?.delivered == 1000)
  }

  @Test func `a broker that says it is busy keeps its queue short`() {
    let quota = report(.quota)
    #expect(quota.refusedCount > 0 && quota.drainedAt != nil)
    #expect(quota.queueTimeMax <= report(.ramp).queueTimeMax)
  }

  @Test func `the same seed gives the same herd, and its page shows each manner`() {
    let reports = HerdSettings.Manner.allCases.map { report($0) }
    #expect(reports == HerdSettings.Manner.allCases.map { report($0) })
    let table = HerdReport.table(reports)
    let picture = HerdReport.picture(reports)
    for manner in HerdSettings.Manner.allCases {
      #expect(table.contains("| \(manner.rawValue) |"))
      #expect(picture.contains(">\(manner.rawValue)</text>"))
    }
    #expect(picture.hasPrefix("<svg") && picture.hasSuffix("</svg>\n"))
  }
}
