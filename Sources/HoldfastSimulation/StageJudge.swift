internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastStage
internal import HoldfastUpstream

/// What one upstream with stages must get, to the event: the same stages run over the log as the
/// world knows it.
///
/// Each process reads the log once, from where the cursor was saved. What leaves on account of a
/// number is known by its place in that reading; a crash takes back all from the saved cursor on,
/// and the next process reads it again, perhaps with a gap where there were events.
final class StageJudge {
  /// What names something that leaves: an event's number, or the identity of a result.
  struct Key: Hashable {
    var log: LogID
    /// 0: a result.
    var number: SequenceNumber
    var result: [UInt8] = []
    var isUndecodable = false
  }

  /// Something that leaves, or was about to when a crash took it back.
  struct Item {
    var key: Key
    /// Of topic and payload.
    var digest: UInt64
    var byteCount: Int
    /// The number on account of which it left last.
    var cause: SequenceNumber
    var marks: Evidence.Mark = []
    /// How often it stands in the view.
    var viewCount = 0
    /// Its latest place among what was produced.
    var place = 0
    /// Counted up when the stages begin anew.
    var epoch = 0
  }

  /// What was read at one number, or right before it.
  struct Reading {
    enum Kind {
      case event, gap(GapRecord), fresh
    }
    var number: SequenceNumber
    var kind: Kind
    var aggregatedCount = 0
  }

  /// One log as it has been read.
  struct View {
    var log: LogID
    var position: SequenceNumber
    var pipeline: Pipeline
    var readings: [Reading] = []
    /// Items by the number on account of which they left.
    var produced: [(item: Int, cause: SequenceNumber)] = []
    /// The pipeline as it stood before some of the readings.
    var checkpoints: [(count: Int, pipeline: Pipeline)] = []
    /// What was produced before it is known to have come to an end.
    var settledCount = 0
    /// The latest place of what came for the first time.
    var newestPlace = -1
    /// A number that nobody can name is in the way.
    var isBlind = false
  }

  /// What came, and waits for the world to learn its numbers.
  enum Waiting {
    case departure(Departure, Evidence.Mark)
    case gap(GapRecord)
  }

  let index: Int
  let configuration: UpstreamConfiguration
  let fresh: Pipeline
  /// Of a number that made a stage ask for earlier events: how many were gone, as the agent says,
  /// and the number after the last of them.
  var gone: [SequenceNumber: (count: Int, end: SequenceNumber)] = [:]
  var view: View
  var items: [Item] = []
  var places: [Key: [Int]] = [:]
  var waiting: [Waiting] = []
  /// Gap records come again with their slots; only the first time counts.
  var seenSlots: Set<UInt64> = []
  var mainView: View?
  /// Numbers of the main log that some process has read as events.
  private(set) var read = NumberRanges()
  private(set) var epoch = 0
  /// Once numbers could not be named, the accounts can't be foretold.
  private(set) var wasBlind = false
  /// Its file was damaged, or could not be reached, since it was written last.
  var isFileDoubtful = false
  /// The same when the process started.
  var wasFileDoubtful = false
  /// Where the picture stood that the process has found; nil: none, or unknown.
  var pictureAtStart: SequenceNumber?

  init(index: Int, configuration: UpstreamConfiguration, rules: [DecodeRules]) {
    self.index = index
    self.configuration = configuration
    var fresh = Pipeline(
      stages: configuration.stages,
      rules: rules,
      setsAside: configuration.undecodable == .deadLetter
    )
    fresh.keepsOutput = true
    self.fresh = fresh
    view = View(log: LogID(high: 0, low: 0), position: 1, pipeline: fresh)
  }

  // MARK: processes

  /// A process begins to read a log at its saved cursor.
  func begin(_ log: LogID, at cursor: SequenceNumber, world: World) {
    drainWaiting(world: world)
    if !waiting.isEmpty { view.isBlind = true }
    waiting.removeAll()
    seenSlots.removeAll()
    if view.log != log {
      if view.log == world.mainLog { mainView = view }
      if log == world.mainLog, let main = mainView {
        forget()
        view = main
        mainView = nil
      } else {
        view = View(log: log, position: cursor, pipeline: fresh)
      }
    }
    _ = advance(to: cursor, world: world)
    takeBack(to: cursor, world: world)
  }

  /// What a log in memory made of it is nobody's any more.
  private func forget() {
    for produced in view.produced { items[produced.item].viewCount -= 1 }
  }

  private func takeBack(to cursor: SequenceNumber, world: World) {
    gone = gone.filter { $0.key < cursor }
    if view.position > cursor {
      if view.log == world.mainLog { read.insert(cursor..<view.position) }
      while let last = view.produced.last, last.cause >= cursor {
        items[last.item].viewCount -= 1
        view.produced.removeLast()
      }
      view.isBlind = false
      view.position = cursor
    }
    // A mark right before the cursor is read again.
    while let last = view.readings.last, last.number >= cursor {
      if case .fresh = last.kind { break }
      view.readings.removeLast()
    }
    view.settledCount = min(view.settledCount, view.produced.count)
    view.newestPlace = view.produced.count - 1
    rebuild(world: world)
  }

  private func rebuild(world: World) {
    while let last = view.checkpoints.last, last.count > view.readings.count {
      view.checkpoints.removeLast()
    }
    let start = view.checkpoints.last
    view.pipeline = start?.pipeline ?? fresh
    for reading in view.readings[(start?.count ?? 0)...] {
      switch reading.kind {
      case .fresh: view.pipeline = fresh
      case .gap(let record): view.pipeline.gap(record)
      case .event: _ = step(reading.number, world: world)
      }
    }
  }

  /// The agent says that its stages begin anew at a number.
  func beginAnew(at number: SequenceNumber, world: World) {
    if view.isBlind { view.position = number }
    if view.position != number {
      world.fail("upstream \(index): stages begin anew at \(number), read to \(view.position)")
    }
    view.isBlind = false
    epoch += 1
    view.pipeline = fresh
    note(Reading(number: number, kind: .fresh))
  }

  // MARK: reading

  func note(_ reading: Reading) {
    view.readings.append(reading)
    if view.readings.count % 512 == 0 {
      view.checkpoints.append((view.readings.count, view.pipeline))
    }
  }

  /// Takes an event into the pipeline; false where nobody can name it.
  private func step(_ number: SequenceNumber, world: World) -> Bool {
    let identity = Identity(log: view.log, number: number)
    guard let place = world.numbering.place(of: identity),
      let clock = world.numbering.places[place].clock
    else { return false }
    let id = world.numbering.places[place].message
    if world.messages[id].isTick {
      view.pipeline.tick(clock, number: number)
      return true
    }
    let event = world.storedEvent(id, clock)
    guard world.isSelected(id, by: index) else {
      view.pipeline.pass(over: event.rows[0])
      return true
    }
    view.pipeline.beginBatch()
    view.pipeline.step(event.rows[0], of: event.bytes, number: number)
    return recall(for: number, world: world)
  }

  /// Gives stages the earlier events that they ask for; false where nobody can tell which of them
  /// the agent had.
  private func recall(for cause: SequenceNumber, world: World) -> Bool {
    let gone = gone[cause] ?? (count: 0, end: 0)
    var goneCount = 0
    while view.pipeline.isRecalling {
      while let number = view.pipeline.recallNumber {
        let identity = Identity(log: view.log, number: number)
        let place = world.numbering.place(of: identity).map { world.numbering.places[$0] }
        if number >= gone.end, let place, let clock = place.clock {
          let event = world.storedEvent(place.message, clock)
          view.pipeline.recall(event.rows[0], of: event.bytes)
          world.report.recalledCount += 1
        } else {
          view.pipeline.recallGone()
          goneCount += 1
        }
      }
      view.pipeline.resume()
    }
    return goneCount == gone.count
  }

  /// The agent says that events which a stage asked for were gone.
  func noteGone(_ count: Int, before cause: SequenceNumber, end: SequenceNumber, world: World) {
    if view.position > cause && !view.isBlind {
      world.fail("upstream \(index): events before \(cause) are gone, read to \(view.position)")
    }
    let known = gone[cause] ?? (count: 0, end: 0)
    gone[cause] = (known.count + count, max(known.end, end))
    world.report.goneCount += count
  }

  enum Progress {
    case done, later, blind, end
  }

  /// Reads on, as events, up to a number.
  func advance(to end: SequenceNumber, world: World) -> Progress {
    while view.position < end {
      let progress = readOne(world: world)
      if progress != .done { return progress }
    }
    return .done
  }

  func readOne(world: World) -> Progress {
    if view.isBlind { return .blind }
    let number = view.position
    let identity = Identity(log: view.log, number: number)
    let known = world.numbering.place(of: identity).map { world.numbering.places[$0] }
    guard known?.clock != nil else {
      if world.numbering.log == view.log {
        guard let next = world.numbering.next else { return .later }
        if number >= next { return .end }
      }
      view.isBlind = true
      wasBlind = true
      return .blind
    }
    let id = known?.message ?? 0
    let isSelected = world.isSelected(id, by: index) || world.messages[id].isTick
    guard step(number, world: world) else {
      view.isBlind = true
      wasBlind = true
      return .blind
    }
    view.position += 1
    var reading = Reading(number: number, kind: .event)
    if isSelected {
      reading.aggregatedCount = view.pipeline.aggregatedCount
      for event in view.pipeline.undecodable { produce(event, isUndecodable: true, number, world) }
      for event in view.pipeline.output { produce(event, isUndecodable: false, number, world) }
    }
    note(reading)
    return .done
  }

  private func produce(
    _ event: StageEvent,
    isUndecodable: Bool,
    _ cause: SequenceNumber,
    _ world: World
  ) {
    let bytes = view.pipeline.bytes
    let key = Key(
      log: view.log,
      number: event.result == nil ? event.number : 0,
      result: event.result.map(Self.text) ?? [],
      isUndecodable: isUndecodable
    )
    let digest = Self.digest(bytes[event.row.topicRange], bytes[event.row.payloadRange])
    var item: Int?
    for known in places[key] ?? [] {
      if items[known].digest == digest { item = known }
      if items[known].viewCount > 0 && items[known].epoch == epoch {
        world.fail("upstream \(index): \(Self.name(key)) leaves twice, at \(cause)")
      }
    }
    let found: Int
    if let item {
      found = item
    } else {
      found = items.count
      places[key, default: []].append(found)
      items.append(
        Item(
          key: key,
          digest: digest,
          byteCount: Int(event.row.payloadByteCount) + Int(event.row.topicByteCount),
          cause: cause
        )
      )
    }
    items[found].viewCount += 1
    items[found].epoch = epoch
    items[found].cause = cause
    items[found].place = view.produced.count
    view.produced.append((found, cause))
  }
}
