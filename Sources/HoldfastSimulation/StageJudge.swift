internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastStage
internal import HoldfastUpstream

/// What one upstream with stages must get, to the event: the same stages run over the log as the
/// world knows it.
///
/// Each process reads the log once, from where the cursor was saved. What leaves on account of a
/// number is known by its place in that reading; a crash takes back all from the saved cursor on,
/// and the next process reads it again, perhaps with a gap where there were events. Where the agent
/// divides live data from a backlog the log is cut, and the stages begin anew behind the cut: each
/// part is a view of its own.
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
      case event, gap(GapRecord)
      /// The stages begin anew; with what stands in the identities of their results.
      case fresh(SequenceNumber)
    }
    var number: SequenceNumber
    var kind: Kind
    var aggregatedCount = 0
  }

  /// One log, or a part of it, as it has been read.
  struct View {
    var log: LogID
    /// Its first number, and the first one that is no part of it.
    var start: SequenceNumber = 0
    var end = SequenceNumber.max
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
  private let rules: [DecodeRules]
  /// Of a number that made a stage ask for earlier events: how many were gone, as the agent says,
  /// and the number after the last of them.
  var gone: [SequenceNumber: (count: Int, end: SequenceNumber)] = [:]
  /// The parts of the log, in order; the last one is where live data is read.
  var views: [View]
  /// What is read from here on in a part that is not the last one comes as historical.
  var historicalStart: SequenceNumber = 0
  /// Whether the process found the log divided.
  private var isDividedAtStart = false
  var items: [Item] = []
  var places: [Key: [Int]] = [:]
  var waiting: [Waiting] = []
  /// Gap records come again with their slots; only the first time counts.
  var seenSlots: Set<UInt64> = []
  var mainViews: [View]?
  /// Numbers of the main log that some process has read as events.
  var read = NumberRanges()
  var epoch = 0
  /// Once numbers could not be named, the accounts can't be foretold.
  var wasBlind = false
  /// Its file was damaged, or could not be reached, since it was written last.
  var isFileDoubtful = false
  /// The same when the process started.
  var wasFileDoubtful = false
  /// Where the picture stood that the process has found; nil: none, or unknown.
  var pictureAtStart: SequenceNumber?

  init(index: Int, configuration: UpstreamConfiguration, rules: [DecodeRules]) {
    self.index = index
    self.configuration = configuration
    self.rules = rules
    views = []
    views = [View(log: LogID(high: 0, low: 0), position: 1, pipeline: pipeline(from: 0))]
  }

  private func pipeline(from origin: SequenceNumber) -> Pipeline {
    var fresh = Pipeline(
      stages: configuration.stages,
      rules: rules,
      setsAside: configuration.undecodable == .deadLetter,
      origin: origin
    )
    fresh.keepsOutput = true
    return fresh
  }

  var log: LogID { views[views.count - 1].log }
  /// How far the log was read in all of its parts.
  var position: SequenceNumber {
    views.first { $0.position < $0.end }?.position ?? views[views.count - 1].position
  }
  /// Whether a number that nobody can name is in the way in one part of a divided log: what comes can't
  /// be told from what the other parts make then.
  var isLost: Bool { wasBlind && views.count > 1 }

  /// The part that a number stands in.
  func place(of number: SequenceNumber) -> Int {
    views.lastIndex { $0.start <= number } ?? 0
  }

  // MARK: processes

  /// A process begins to read a log at its saved cursor, and behind what is settled ahead of it.
  func begin(_ log: LogID, _ ledger: UpstreamLedger, world: World) {
    drainWaiting(world: world)
    if !waiting.isEmpty { for place in views.indices { views[place].isBlind = true } }
    waiting.removeAll()
    seenSlots.removeAll()
    if self.log != log {
      if self.log == world.mainLog { mainViews = views }
      forget()
      if log == world.mainLog, let main = mainViews {
        views = main
        mainViews = nil
      } else {
        views = [View(log: log, position: ledger.cursor, pipeline: pipeline(from: 0))]
      }
    }
    findDivision(ledger, world: world)
    historicalStart = ledger.cursor
    isDividedAtStart = !ledger.ahead.isEmpty
    gone = gone.filter { $0.key < ledger.cursor }
    for place in views.indices {
      let end = settledEnd(of: place, ledger)
      _ = advance(place, to: end, world: world)
      takeBack(place, to: end, world: world)
    }
  }

  /// Cuts that were not durable are no more; one that nobody told of is.
  private func findDivision(_ ledger: UpstreamLedger, world: World) {
    while let last = views.last, views.count > 1, last.start > ledger.cursor,
      last.start != ledger.ahead.first?.lowerBound
    {
      for produced in last.produced { items[produced.item].viewCount -= 1 }
      if last.log == world.mainLog { read.insert(last.start..<max(last.start, last.position)) }
      views.removeLast()
      views[views.count - 1].end = .max
    }
    if let split = ledger.ahead.first?.lowerBound { divide(at: split, world: world) }
  }

  /// The log is cut before a number, and the stages begin anew there.
  func divide(at split: SequenceNumber, world: World) {
    let last = views.count - 1
    if views[last].start == split { return }
    if views[last].position > split {
      world.fail("upstream \(index): divided at \(split), read to \(views[last].position)")
    }
    views[last].end = split
    views.append(
      View(log: log, start: split, position: split, pipeline: pipeline(from: split))
    )
  }

  /// How far a part is settled.
  func settledEnd(of place: Int, _ ledger: UpstreamLedger) -> SequenceNumber {
    let view = views[place]
    let isAhead = ledger.ahead.first?.lowerBound == view.start
    return min(max(view.start, isAhead ? ledger.settledEnd : ledger.cursor), view.end)
  }

  /// What a log in memory made of it is nobody's any more.
  private func forget() {
    if log == .init(high: 0, low: 0) { return }
    if mainViews != nil && mainViews?.last?.log == log { return }
    for view in views { for produced in view.produced { items[produced.item].viewCount -= 1 } }
  }

  private func takeBack(_ place: Int, to cursor: SequenceNumber, world: World) {
    var view = views[place]
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
    views[place] = view
    rebuild(place, world: world)
  }

  private func rebuild(_ place: Int, world: World) {
    while let last = views[place].checkpoints.last, last.count > views[place].readings.count {
      views[place].checkpoints.removeLast()
    }
    let start = views[place].checkpoints.last
    views[place].pipeline = start?.pipeline ?? pipeline(from: views[place].start)
    for reading in views[place].readings[(start?.count ?? 0)...] {
      switch reading.kind {
      case .fresh(let origin): views[place].pipeline = pipeline(from: origin)
      case .gap(let record): views[place].pipeline.gap(record)
      case .event: _ = step(place, reading.number, world: world)
      }
    }
  }

  /// The agent says that its stages begin anew at a number.
  func beginAnew(at number: SequenceNumber, world: World) {
    let place = place(of: number)
    if views[place].isBlind { views[place].position = number }
    if views[place].position != number {
      world.fail(
        "upstream \(index): stages begin anew at \(number), read to \(views[place].position)"
      )
    }
    views[place].isBlind = false
    epoch += 1
    let hasOrigin =
      world.configuration.upstreams[index].order == .liveFirst || isDividedAtStart
    let origin = hasOrigin && number > 1 ? number : 0
    views[place].pipeline = pipeline(from: origin)
    note(Reading(number: number, kind: .fresh(origin)), place)
  }
}
