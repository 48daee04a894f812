import HoldfastAgent
import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastSimulation
import Testing

/// A start that can't read what the disk holds: order holds all the same.
@Suite struct UnreadableStartTests {
  /// What fails at a start, and for how long: less than a minute, then longer.
  static let faults: [(operations: Set<DiskError.Operation>, seconds: Double)] = [
    ([.read], 20), ([.open], 20), ([.syncDirectory], 20),
    ([.list], 600), ([.open, .list, .read, .size, .write, .sync, .syncDirectory], 600),
  ]

  @Test(arguments: faults)
  func `what comes while a start can't read its log overtakes nothing that the disk holds`(
    fault: (operations: Set<DiskError.Operation>, seconds: Double)
  ) {
    let plant = Plant()
    plant.isCentreUp = false
    plant.publish(40)
    plant.run(seconds: 2)
    #expect(plant.waitingCount == 0, "all are acknowledged, and on the disk alone")
    plant.fail(fault.operations)
    plant.isCentreUp = true
    plant.restart()
    for _ in 0..<10 {
      plant.publish(5)
      plant.run(seconds: fault.seconds / 10)
    }
    #expect(plant.bench.status.health == .failing)
    #expect(plant.waitingCount == 50, "nobody has them but their broker")
    plant.heal()
    plant.run(seconds: 10)
    #expect(plant.waitingCount == 0)
    #expect(plant.firstArrivals == Array(1...90))
    #expect(plant.gaps.isEmpty)
    #expect(plant.bench.status.upstreams[0].ledger.delivered == 90)
  }

  @Test func `what can't be read for a minute is set aside: a gap record, then what is newer`() {
    let plant = Plant()
    plant.isCentreUp = false
    plant.publish(40)
    plant.run(seconds: 2)
    plant.fail([.read])
    plant.isCentreUp = true
    plant.restart()
    plant.publish(10)
    plant.run(seconds: 45)
    #expect(plant.waitingCount == 10 && plant.firstArrivals.isEmpty)
    plant.run(seconds: 30)
    #expect(plant.bench.says("moved to quarantine"))
    #expect(plant.waitingCount == 0)
    #expect(plant.firstArrivals == Array(41...50))
    #expect(plant.gaps.count == 1 && plant.gaps[0].contains("disk-failed"), "\(plant.gaps)")
    #expect(plant.gaps.first == plant.arrivals.first?.text)
  }

  @Test func `a start that can't read its log says so, and leaves both sides in peace`() {
    let plant = Plant()
    plant.publish(1)
    plant.run(seconds: 2)
    plant.fail([.list])
    plant.restart()
    plant.run(seconds: 300)
    #expect(plant.connectCount == 2, "one each in the life before")
    let told = plant.bench.lines.filter {
      $0.level == .error && $0.message.contains("what is stored can't be reached: nothing is taken")
    }
    #expect(told.count > 20, "each try says why it failed")
    #expect(plant.bench.wakeAt > plant.bench.now.boot)
  }

  @Test func `where no log was ever begun there is nothing to wait for`() {
    let plant = Plant { $0.fault = { $0 == .open && $1 == "ring" ? Errno.noSpace : nil } }
    plant.publish(40)
    plant.run(seconds: 10)
    #expect(plant.bench.status.health == .failing)
    #expect(plant.firstArrivals == Array(1...40))
    #expect(plant.waitingCount == 0, "the centre has all of them")
    plant.isCentreUp = false
    plant.breakUpstream()
    plant.publish(40)
    plant.run(seconds: 10)
    #expect(plant.waitingCount == 40)
    plant.heal()
    plant.isCentreUp = true
    plant.publish(10)
    plant.run(seconds: 10)
    #expect(plant.bench.status.health == .good)
    #expect(plant.firstArrivals == Array(1...90))
    #expect(plant.waitingCount == 0)
  }
}

/// Sensors and their broker, which sends again what was not acknowledged, and the centre.
private final class Plant {
  private(set) var bench: AgentBench
  var isCentreUp = true
  /// Sources and upstreams that the agent wanted to connect.
  private(set) var connectCount = 0
  private var publishedCount = 0
  /// Published and not acknowledged; the first ones are with the agent.
  private var waiting: [Int] = []
  private var handedCount = 0
  private var isSourceUp = false
  private var isAwaiting = false
  private var earlier: [AgentBench.Outgoing] = []

  init(_ prepare: (SimulatedDisk) -> Void = { _ in }) {
    let disk = SimulatedDisk(seed: 3)
    prepare(disk)
    bench = AgentBench(disk: disk)
  }

  var waitingCount: Int { waiting.count }

  var arrivals: [AgentBench.Outgoing] { earlier + bench.delivered[0] }

  /// The events that the centre got, each where it came for the first time.
  var firstArrivals: [Int] {
    var seen: Set<Int> = []
    return arrivals.compactMap { Int($0.text) }.filter { seen.insert($0).inserted }
  }

  /// The gap records that the centre got, but for those of numbers that were never used.
  var gaps: [String] {
    arrivals.map(\.text).filter { $0.hasPrefix("{") && !$0.contains("unused") }
  }

  func publish(_ count: Int) {
    for _ in 0..<count {
      publishedCount += 1
      waiting.append(publishedCount)
    }
  }

  func fail(_ operations: Set<DiskError.Operation>) {
    bench.disk.fault = { operation, _ in
      operations.contains(operation) ? Errno.inputOutput : nil
    }
  }

  func heal() { bench.disk.fault = nil }

  /// The process is killed and starts anew.
  func restart() {
    earlier += bench.delivered[0]
    isSourceUp = false
    bench = bench.restarted()
  }

  func breakUpstream() { bench.breakUpstream() }

  func run(seconds: Double) {
    let end = bench.now.boot + Int64(seconds * 1e6)
    while bench.now.boot < end {
      bench.pass(seconds: 0.1)
      obey()
      handOver()
      if isCentreUp { bench.deliverAll() }
      obey()
    }
  }

  private func handOver() {
    guard isSourceUp, !isAwaiting, handedCount < waiting.count else { return }
    var events = EventBatch()
    for number in waiting[handedCount...] {
      events.append(
        topic: [UInt8(ascii: "t")],
        payload: Array("\(number)".utf8),
        clock: bench.now,
        flags: .qos1
      )
    }
    handedCount = waiting.count
    isAwaiting = true
    bench.receive(events)
  }

  private func obey() {
    var orders = bench.takeOrders()
    while !orders.isEmpty {
      for order in orders { obey(order) }
      orders = bench.takeOrders()
    }
  }

  private func obey(_ order: AgentBench.Order) {
    switch order {
    case .connectSource:
      connectCount += 1
      isSourceUp = true
      isAwaiting = false
      handedCount = 0
      bench.connectSource()
    case .connectUpstream(let index, _):
      connectCount += 1
      if isCentreUp {
        bench.connectUpstream(index)
      } else {
        bench.step(.upstreamClosed(upstream: index, LinkFailure(.unreachable)))
      }
    case .readMore: isAwaiting = false
    case .release: acknowledge()
    case .disconnectSource(let releasing):
      if releasing { acknowledge() }
      isSourceUp = false
      bench.step(.sourceClosed(source: 0, LinkFailure(.requested)))
    case .disconnectUpstream(let index):
      bench.step(.upstreamClosed(upstream: index, LinkFailure(.requested)))
    case .stopped: break
    }
  }

  private func acknowledge() {
    waiting.removeFirst(handedCount)
    handedCount = 0
    isAwaiting = false
  }
}
