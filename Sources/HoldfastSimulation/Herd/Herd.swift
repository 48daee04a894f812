internal import HoldfastEvent
internal import HoldfastLink
internal import HoldfastUpstream

/// Agents that come back to one broker after an outage.
///
/// The broker does one thing after another, each connect and each message at its cost. The agents'
/// delays and windows are those of the agent itself: ``Backoff`` and ``Ramp``.
public struct Herd {
  private enum What {
    /// The agent connects.
    case connect
    /// Something of the agent's has come to the broker: CONNECT, or so many messages.
    case arrival(first: Int, messageCount: Int)
    /// The broker has done the first of its queue.
    case served
    /// CONNACK, or a refusal, has come to the agent.
    case connack(isBusy: Bool)
    /// So many PUBACKs have come to the agent, for what was sent at an instant.
    case pubacks(count: Int, sentAt: Int64)
    /// The agent looks whether it has waited too long.
    case deadline
    /// The agent has an event to send.
    case event
  }

  private struct Entry {
    var at: Int64
    var order: UInt64
    var agent: Int
    /// The agent's link; of an earlier one it is void.
    var link: Int
    var what: What
  }

  private struct Agent {
    var link = 0
    var isConnected = false
    var hasEverConnected = false
    var backoff: Backoff
    var busyBackoff: Backoff
    var ramp: Ramp
    var sentCount = 0
    var answeredCount = 0
    var quietSince: Int64 = 0
    var waitsForEvent = false
    /// Of the outage: how many the broker has to get.
    var isDrained = false
  }

  private struct Job {
    var agent: Int
    var link: Int
    /// How many events of the agent's come before them.
    var first: Int
    /// 0: a CONNECT.
    var messageCount: Int
    var sentAt: Int64
  }

  private let settings: HerdSettings
  private var agents: [Agent] = []
  private var heap: [Entry] = []
  private var order: UInt64 = 0
  private var now: Int64 = 0
  private var queue: [Job] = []
  private var queueHead = 0
  private var queuedMessageCount = 0
  private var queuedConnectCount = 0
  private var isServing = false
  private var drainedCount = 0
  private var connectedCount = 0
  /// Of each agent: how many events the broker has taken.
  private var takenCounts: [Int]
  private var report: HerdReport

  /// A herd that waits for its broker.
  public init(_ settings: HerdSettings) {
    self.settings = settings
    report = HerdReport(manner: settings.manner)
    takenCounts = [Int](repeating: 0, count: settings.agentCount)
    var seeds = SplitMix64(seed: settings.seed)
    let start: Int =
      settings.manner == .ramp || settings.manner == .quota ? Ramp.windowMin : settings.windowMax
    for index in 0..<settings.agentCount {
      var agent = Agent(
        backoff: Backoff(cap: settings.backoffMax, seed: seeds.next()),
        busyBackoff: Backoff.busy(cap: settings.backoffMax, seed: seeds.next()),
        ramp: Ramp(start: start)
      )
      // The outage began for all at one instant; each has been trying since.
      var at = -settings.outage
      while at < 0 {
        at += settings.manner == .none ? settings.fixedDelay : agent.backoff.next()
      }
      agents.append(agent)
      schedule(at, index, .connect)
    }
  }

  /// Runs until nothing is left of the outage.
  public mutating func run() -> HerdReport {
    var sampleAt: Int64 = 0
    while let entry = pop(), entry.at < settings.timeMax, drainedCount < agents.count {
      while sampleAt <= entry.at {
        sample()
        sampleAt += microsecondsPerSecond
      }
      now = entry.at
      if case .served = entry.what { serve() } else { take(entry) }
    }
    if drainedCount == agents.count { report.drainedAt = now }
    sample()
    return report
  }

  /// Events of the outage, per agent.
  private var outageCount: Int { Int(settings.outage / settings.eventInterval) }

  private var connectTime: Int64 { microsecondsPerSecond / Int64(settings.connectsPerSecond) }
  private var messageTime: Int64 { microsecondsPerSecond / Int64(settings.messagesPerSecond) }

  /// How long something new would wait.
  private var queueTime: Int64 {
    Int64(queuedMessageCount) * messageTime + Int64(queuedConnectCount) * connectTime
  }

  private mutating func sample() {
    let total = outageCount * agents.count
    let taken = takenCounts.reduce(0) { $0 + min($1, outageCount) }
    report.series.append((queueTime, taken * 1000 / max(1, total)))
  }

  private mutating func take(_ entry: Entry) {
    let index = entry.agent
    if case .arrival(let first, let count) = entry.what {
      let sentAt = now - settings.latency
      arrive(
        Job(agent: index, link: entry.link, first: first, messageCount: count, sentAt: sentAt)
      )
      return
    }
    guard entry.link == agents[index].link else { return }
    switch entry.what {
    case .connect:
      agents[index].link += 1
      schedule(now + settings.latency, index, .arrival(first: 0, messageCount: 0))
      schedule(now + settings.connectTimeout, index, .deadline)
    case .connack(let isBusy): connack(index, isBusy: isBusy)
    case .pubacks(let count, let sentAt): pubacks(index, count, sentAt: sentAt)
    case .deadline: checkDeadline(index)
    case .event:
      agents[index].waitsForEvent = false
      send(index)
    case .arrival, .served: break
    }
  }

  // MARK: the agent

  private mutating func connack(_ index: Int, isBusy: Bool) {
    if isBusy {
      report.refusedCount += 1
      let delay = agents[index].busyBackoff.next()
      return leave(index, after: delay)
    }
    if !agents[index].hasEverConnected {
      agents[index].hasEverConnected = true
      report.connectedAt = now
    }
    agents[index].isConnected = true
    agents[index].ramp.begin()
    agents[index].quietSince = now
    send(index)
  }

  /// Sends what there is, as far as the window reaches.
  private mutating func send(_ index: Int) {
    guard agents[index].isConnected else { return }
    let arisen = Int((now + settings.outage) / settings.eventInterval)
    let inFlight = agents[index].sentCount - agents[index].answeredCount
    let window = min(settings.windowMax, agents[index].ramp.window)
    let count = min(window - inFlight, arisen - agents[index].sentCount)
    if count > 0 {
      if inFlight == 0 {
        agents[index].quietSince = now
        schedule(now + settings.acknowledgementTimeout, index, .deadline)
      }
      let first = agents[index].sentCount
      agents[index].sentCount += count
      schedule(now + settings.latency, index, .arrival(first: first, messageCount: count))
    } else if arisen == agents[index].sentCount, !agents[index].waitsForEvent {
      agents[index].waitsForEvent = true
      let next = Int64(arisen + 1) * settings.eventInterval - settings.outage
      schedule(next, index, .event)
    }
  }

  private mutating func pubacks(_ index: Int, _ count: Int, sentAt: Int64) {
    agents[index].answeredCount += count
    agents[index].quietSince = now
    agents[index].backoff.reset()
    agents[index].busyBackoff.reset()
    for _ in 0..<count {
      agents[index].ramp.answered(after: now - sentAt, limit: settings.windowMax)
    }
    if !agents[index].isDrained, agents[index].answeredCount >= outageCount {
      agents[index].isDrained = true
      drainedCount += 1
    }
    send(index)
  }

  private mutating func checkDeadline(_ index: Int) {
    if !agents[index].isConnected {
      report.givenUpCount += 1
      return leave(index, after: delay(index))
    }
    guard agents[index].sentCount > agents[index].answeredCount else { return }
    let due = agents[index].quietSince + settings.acknowledgementTimeout
    if due > now { return schedule(due, index, .deadline) }
    report.givenUpCount += 1
    leave(index, after: delay(index))
  }

  private mutating func delay(_ index: Int) -> Int64 {
    settings.manner == .none ? settings.fixedDelay : agents[index].backoff.next()
  }

  /// The link ends; what is in flight is sent again over the next one.
  private mutating func leave(_ index: Int, after delay: Int64) {
    agents[index].link += 1
    agents[index].isConnected = false
    agents[index].waitsForEvent = false
    agents[index].sentCount = agents[index].answeredCount
    schedule(now + delay, index, .connect)
  }

  // MARK: the broker

  private mutating func arrive(_ job: Job) {
    if job.messageCount == 0 { queuedConnectCount += 1 }
    queuedMessageCount += job.messageCount
    queue.append(job)
    report.messageQueueMax = max(report.messageQueueMax, queuedMessageCount)
    report.queueTimeMax = max(report.queueTimeMax, queueTime)
    if !isServing { beginNext() }
  }

  /// What lies in a socket is read, whether or not its client is still there.
  private mutating func beginNext() {
    guard queueHead < queue.count else {
      queue.removeAll(keepingCapacity: true)
      queueHead = 0
      return
    }
    isServing = true
    let job = queue[queueHead]
    var cost = Int64(job.messageCount) * messageTime
    if job.messageCount == 0 {
      let isGone = job.link != agents[job.agent].link
      cost = isGone || isBusy ? connectTime / settings.refusalPart : connectTime
    }
    schedule(now + max(1, cost), 0, .served)
  }

  private var isBusy: Bool { settings.manner == .quota && queueTime > settings.busyTime }

  private mutating func serve() {
    let job = queue[queueHead]
    let wasBusy = isBusy
    queueHead += 1
    if queueHead > 100_000 {
      queue.removeFirst(queueHead)
      queueHead = 0
    }
    isServing = false
    let back = now + settings.latency
    let isThere = job.link == agents[job.agent].link
    if job.messageCount == 0 {
      queuedConnectCount -= 1
      if isThere { schedule(back, job.agent, .connack(isBusy: wasBusy)) }
    } else {
      queuedMessageCount -= job.messageCount
      note(job)
      if isThere {
        schedule(back, job.agent, .pubacks(count: job.messageCount, sentAt: job.sentAt))
      }
    }
    beginNext()
  }

  /// Counts what came for the first time, and what did not.
  private mutating func note(_ job: Job) {
    let end = job.first + job.messageCount
    let newCount = max(0, end - max(job.first, takenCounts[job.agent]))
    takenCounts[job.agent] = max(takenCounts[job.agent], end)
    report.repeatedCount += job.messageCount - newCount
  }

  // MARK: time

  private mutating func schedule(_ at: Int64, _ agent: Int, _ what: What) {
    order += 1
    let link = agent < agents.count ? agents[agent].link : 0
    heap.append(Entry(at: at, order: order, agent: agent, link: link, what: what))
    var child = heap.count - 1
    while child > 0, precedes(child, (child - 1) / 2) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private func precedes(_ first: Int, _ second: Int) -> Bool {
    let (one, other) = (heap[first], heap[second])
    return one.at != other.at ? one.at < other.at : one.order < other.order
  }

  private mutating func pop() -> Entry? {
    guard let first = heap.first else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && precedes(child, least) { least = child }
      if least == parent { return first }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
