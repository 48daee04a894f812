import Synchronization
import Testing

@testable import HoldfastSystem

@Suite struct ReadyGateTests {
  private final class Count: Sendable {
    let value = Atomic(0)
    func add() { value.add(1, ordering: .relaxed) }
    var now: Int { value.load(ordering: .relaxed) }
  }

  private let count = Count()

  private func gate(sources: Int) -> ReadyGate {
    let count = self.count
    return ReadyGate(sourceCount: sources) { count.add() }
  }

  @Test func itOpensOnceWhenAllHaveSettledInAnyOrder() {
    let gate = gate(sources: 2)
    gate.settle(source: 1)
    gate.settle(source: 1)
    gate.settleRing()
    #expect(count.now == 0)
    gate.settle(source: 0)
    #expect(count.now == 1)
    gate.settle(source: 0)
    gate.settleRing()
    gate.settleSources()
    #expect(count.now == 1)
  }

  @Test func withoutSourcesTheRingAloneCounts() {
    gate(sources: 0).settleRing()
    #expect(count.now == 1)
  }

  @Test func patienceEndsForSourcesNeverForTheRing() {
    let gate = gate(sources: 2)
    gate.settle(source: 0)
    gate.settleSources()
    gate.settleSources()
    #expect(count.now == 0)
    gate.settleRing()
    #expect(count.now == 1)
  }
}
