import HoldfastEvent
import Testing

@testable import HoldfastStage

@Suite struct DueQueueTests {
  /// Against a plain table of who waits for what.
  @Test(arguments: 1...4)
  func `the soonest comes first, and of equal times the lowest number`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var queue = DueQueue()
    var waits: [Int: (due: Int64, number: SequenceNumber)] = [:]
    for number in 0..<5000 as Range<SequenceNumber> {
      let slot = Int(random.next() % 40)
      switch random.next() % 4 {
      case 0:
        queue.remove(slot)
        waits[slot] = nil
      case 1:
        let now = Int64(random.next() % 50) - 25
        let soonest = waits.min {
          ($0.value.due, $0.value.number) < ($1.value.due, $1.value.number)
        }
        let isDue = soonest.map { $0.value.due <= now } ?? false
        #expect(queue.slotDue(at: now) == (isDue ? soonest?.key : nil))
      default:
        let due = Int64(random.next() % 50) - 25
        queue.set(slot, due: due, number: number)
        waits[slot] = (due, number)
      }
      #expect(queue.dueAt == waits.values.map(\.due).min() ?? .max)
    }
  }
}
