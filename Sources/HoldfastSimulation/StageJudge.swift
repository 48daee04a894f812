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
  private let fresh: Pipeline
  private(set) var view: View
  private(set) var items: [Item] = []
  private var places: [Key: [Int]] = [:]
  private var waiting: [Waiting] = []
  /// Gap records come again with their slots; only the first time counts.
  private var seenSlots: Set<UInt64> = []
  private var mainView: View?
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
    fresh = Pipeline(
      stages: configuration.stages,
      rules: rules,
      setsAside: configuration.undecodable == .deadLetter
    )
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

  private func note(_ reading: Reading) {
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
    guard world.isSelected(id, by: index) else { return true }
    let event = world.storedEvent(id, clock)
    view.pipeline.beginBatch()
    view.pipeline.step(event.rows[0], of: event.bytes, number: number)
    return true
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

  private func readOne(world: World) -> Progress {
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
    let isSelected = world.isSelected(known?.message ?? 0, by: index)
    _ = step(number, world: world)
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

  // MARK: what comes

  /// Something came to the upstream.
  func take(_ departure: Departure, _ mark: Evidence.Mark, world: World) {
    if !waiting.isEmpty || !settle(departure, mark, world: world) {
      waiting.append(.departure(departure, mark))
    }
  }

  /// A gap record came; `slot` tells whether it has come before.
  func take(_ gap: Evidence.Gap, slot: UInt64, world: World) {
    guard seenSlots.insert(slot).inserted, gap.log == view.log else { return }
    let record = GapRecord(
      log: gap.log,
      first: gap.numbers.lowerBound,
      end: gap.numbers.upperBound,
      count: gap.count,
      reason: gap.reason,
      wall: 0
    )
    if !waiting.isEmpty || !settle(record, world: world) { waiting.append(.gap(record)) }
  }

  /// The world may know more numbers now.
  func drainWaiting(world: World) {
    while let first = waiting.first {
      switch first {
      case .departure(let departure, let mark):
        if !settle(departure, mark, world: world) { return }
      case .gap(let record): if !settle(record, world: world) { return }
      }
      waiting.removeFirst()
    }
  }

  private func settle(_ record: GapRecord, world: World) -> Bool {
    if view.isBlind { return true }
    if record.first < view.position {
      world.fail("upstream \(index): \(record) is told, read to \(view.position)")
      return true
    }
    switch advance(to: record.first, world: world) {
    case .later: return false
    case .blind: return true
    case .end:
      world.fail("upstream \(index): \(record) is told, numbers end at \(view.position)")
      return true
    case .done: break
    }
    view.pipeline.gap(record)
    view.position = max(view.position, record.end)
    note(Reading(number: record.first, kind: .gap(record)))
    return true
  }

  private func settle(_ departure: Departure, _ mark: Evidence.Mark, world: World) -> Bool {
    let key = Key(log: departure.log, number: departure.number, result: departure.result)
    if departure.log != view.log { return true }
    while true {
      if let item = find(key, departure.digest) {
        noteArrival(of: item, mark, world: world)
        return true
      }
      switch readOne(world: world) {
      case .done: continue
      case .later: return false
      case .blind: return true
      case .end:
        let others = (places[key] ?? []).map { "\(items[$0])" }
        world.fail(
          "upstream \(index) got \(Self.name(key)), which the stages do not make of the log;"
            + " known: \(others)"
        )
        return true
      }
    }
  }

  private func find(_ key: Key, _ digest: UInt64) -> Int? {
    places[key]?.first { items[$0].digest == digest && items[$0].viewCount > 0 }
  }

  private func noteArrival(of item: Int, _ mark: Evidence.Mark, world: World) {
    if items[item].marks.isEmpty {
      if items[item].place < view.newestPlace {
        world.fail("upstream \(index): \(Self.name(items[item].key)) comes out of order")
      }
      view.newestPlace = items[item].place
      if items[item].key.number == 0 { world.report.resultCount += 1 }
    }
    items[item].marks.formUnion(mark)
  }

  /// A dead letter holds it; false where nothing of that kind was ever about to leave.
  func setAside(_ key: Key, _ digest: UInt64) -> Bool {
    guard let item = places[key]?.first(where: { items[$0].digest == digest }) else { return false }
    items[item].marks.insert(.setAside)
    return true
  }

  /// The same for a letter that names its number only: an event, or a result by what made it leave.
  func setAside(number: SequenceNumber, log: LogID, _ digest: UInt64) -> Bool {
    for isUndecodable in [true, false] {
      let key = Key(log: log, number: number, isUndecodable: isUndecodable)
      if setAside(key, digest) { return true }
    }
    let item = items.firstIndex { $0.key.number == 0 && $0.digest == digest && $0.key.log == log }
    guard let item else { return false }
    items[item].marks.insert(.setAside)
    return true
  }

  // MARK: what must hold

  /// Everything that left on account of numbers before the cursor has come to an end.
  func check(_ cursor: SequenceNumber, world: World) {
    drainWaiting(world: world)
    guard waiting.isEmpty, advance(to: cursor, world: world) == .done else { return }
    while view.settledCount < view.produced.count {
      let (item, cause) = view.produced[view.settledCount]
      if cause >= cursor { return }
      if world.terms(of: items[item], at: index).isEmpty {
        world.fail(
          "upstream \(index): the cursor is at \(cursor), and \(Self.name(items[item].key)) of"
            + " \(cause) never came"
        )
      }
      view.settledCount += 1
    }
  }

  /// Whether some process has read the number as an event.
  func hasRead(_ identity: Identity, world: World) -> Bool {
    if identity.log == view.log && identity.number < view.position { return true }
    if identity.log != world.mainLog { return false }
    return read.contains(identity.number) || identity.number < mainView?.position ?? 0
  }

  static func name(_ key: Key) -> String {
    let result = String(decoding: key.result, as: UTF8.self)
    return key.number == 0 ? "result \(result)" : "event \(key.number)"
  }

  /// As `docs/stages.md` says.
  private static func text(_ identity: ResultIdentity) -> [UInt8] {
    let stage = String(identity.stage, radix: 16)
    let zeros = String(repeating: "0", count: 16 - stage.utf8.count)
    return Array("\(zeros)\(stage)-\(identity.start)-\(identity.revision)-".utf8) + identity.key
  }

  static func digest(_ topic: ArraySlice<UInt8>, _ payload: ArraySlice<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in topic { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    hash = (hash ^ 0x1ff) &* 0x0000_0100_0000_01b3
    for byte in payload { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return hash
  }
}

/// Something that left stages, as an upstream or a dead letter shows it.
struct Departure {
  var log: LogID
  /// 0: a result.
  var number: SequenceNumber
  var result: [UInt8]
  var digest: UInt64
  /// The message that its bytes name, where they still do.
  var text: Int?
}
