internal import HoldfastEvent
internal import HoldfastPayload

/// `map`: changes payload and topic.
///
/// All paths and captures refer to the event as it comes. The order is select, remove, rename,
/// compute, add, topic. A JSON payload stays byte for byte but for what is changed, numbers with
/// their text; where nothing is changed it stays as it is. Of a name that an object has twice, the
/// first counts, as everywhere.
///
/// - `compute` takes numbers and texts that are numbers; anything else it leaves alone. A result is
///   the shortest decimal that reads back as the same double.
/// - `rename` leaves a field alone whose new name another one has, and an array's element.
/// - `add` gives the outermost object a field, or the field of that name another value.
/// - A plain text payload allows arithmetic on the whole payload. Of what is neither JSON nor text,
///   and of what is not read, the topic alone is changed.
///
/// What can't be done is counted, and the rest is done.
struct MapStage: StageKind {
  private let plan: MapPlan
  private let topics: [TopicFilter]
  private var scanners: [FieldScanner] = []
  /// Events of which a change could not be made.
  var unappliedCount: UInt64 = 0
  /// Events whose new topic would not have been a topic name; they keep the old one.
  var invalidTopicCount: UInt64 = 0

  var notes: [StageNote: UInt64] {
    [.unapplied: unappliedCount, .invalidTopic: invalidTopicCount]
  }

  // Room that is reused: of the event at hand.
  private var fields: [Field] = []
  private var captures: [Range<Int>] = []
  private var kept: [Int] = []
  private var removed: [Int] = []
  private var isRenamed: [Bool] = []
  private var edit = JSONEdit()
  private var output: [UInt8] = []
  private var isUnapplied = false

  /// Made of its settings and the stage's topics, whose wildcards give the captures.
  init(_ settings: MapSettings, topics: [TopicFilter]) {
    plan = MapPlan(settings)
    self.topics = topics
    var rest = plan.paths[...]
    while !rest.isEmpty {
      scanners.append(FieldScanner(paths: Array(rest.prefix(FieldScanner.pathCountMax))))
      rest = rest.dropFirst(FieldScanner.pathCountMax)
    }
  }

  mutating func step(_ event: StageEvent, _ pass: inout StagePass) {
    var mapped = event
    isUnapplied = false
    findCaptures(event, pass)
    if plan.editsPayload {
      let format = pass.format(of: event)
      if format == .json || format == .text {
        guard readFields(event, &pass) else {
          pass.setAside(event)
          return
        }
        if changePayload(event, pass, isJSON: format == .json) {
          pass.setPayload(&mapped, output)
        }
      } else {
        isUnapplied = true
      }
    }
    if isUnapplied { unappliedCount &+= 1 }
    if changeTopic(event, pass) { pass.setTopic(&mapped, output) }
    pass.emit(mapped)
  }

  private mutating func findCaptures(_ event: StageEvent, _ pass: StagePass) {
    captures.removeAll(keepingCapacity: true)
    guard plan.usesCaptures else { return }
    for filter in topics where filter.captures(in: pass.topic(event), into: &captures) { return }
  }

  private mutating func readFields(_ event: StageEvent, _ pass: inout StagePass) -> Bool {
    fields.removeAll(keepingCapacity: true)
    for place in scanners.indices {
      guard pass.read(event, &scanners[place]) else { return false }
      fields.append(contentsOf: pass.fields)
    }
    return true
  }

  /// Makes the new topic in `output`; false where the old one stays.
  private mutating func changeTopic(_ event: StageEvent, _ pass: StagePass) -> Bool {
    guard let topic = plan.topic else { return false }
    output.removeAll(keepingCapacity: true)
    topic.append(topic: pass.topic(event), captures: captures, isJSON: false, to: &output)
    if unsafe output.withUnsafeBytes({ unsafe isTopicName($0) }) { return true }
    invalidTopicCount &+= 1
    return false
  }

  /// Makes the new payload in `output`; false where the old one stays.
  private mutating func changePayload(
    _ event: StageEvent,
    _ pass: StagePass,
    isJSON: Bool
  ) -> Bool {
    // An empty payload deletes a retained message; there is nothing to change.
    guard let root = fields.first, root.kind != .missing else { return false }
    edit.removeAll()
    if isJSON {
      guard cut(root, event, pass) else {
        isUnapplied = true
        return false
      }
      rename(event, pass)
    } else if plan.editsObject {
      isUnapplied = true
    }
    // Before what is computed: of two changes at one place the first counts.
    if isJSON { add(to: root, event, pass) }
    compute(event, pass, isJSON)
    if edit.isEmpty { return false }
    output.removeAll(keepingCapacity: true)
    edit.apply(to: pass.payload(event), into: &output)
    return true
  }

  /// Where a JSON value lies, of a text with its quotes.
  private func range(_ field: Field) -> Range<Int> {
    field.kind == .text
      ? (field.range.lowerBound - 1)..<(field.range.upperBound + 1) : field.range
  }

  /// `select` and `remove`.
  private mutating func cut(_ root: Field, _ event: StageEvent, _ pass: StagePass) -> Bool {
    kept.removeAll(keepingCapacity: true)
    removed.removeAll(keepingCapacity: true)
    for place in plan.selected where fields[place].kind != .missing {
      kept.append(range(fields[place]).lowerBound)
    }
    for place in plan.removed where fields[place].kind != .missing {
      removed.append(range(fields[place]).lowerBound)
    }
    if plan.selected.isEmpty && removed.isEmpty { return true }
    if root.kind != .composite { isUnapplied = true }
    return edit.cut(
      pass.payload(event),
      root: range(root),
      keeping: plan.selected.isEmpty ? nil : kept,
      removing: removed
    )
  }

  private mutating func rename(_ event: StageEvent, _ pass: StagePass) {
    if plan.renames.isEmpty { return }
    let walk = JSONWalk(pass.payload(event), place: 0)
    isRenamed.removeAll(keepingCapacity: true)
    for rename in plan.renames { isRenamed.append(isPresent(rename.place)) }
    // One that keeps its name may hold the name that another one wants.
    var isSettled = false
    while !isSettled {
      isSettled = true
      for (place, rename) in plan.renames.enumerated() where isRenamed[place] {
        let hasKey = walk.key(before: range(fields[rename.place]).lowerBound) != nil
        if hasKey && !(rename.taken.map { isPresent($0) && !isRenamedAway($0) } ?? false) {
          continue
        }
        isRenamed[place] = false
        isUnapplied = true
        isSettled = false
      }
    }
    for (place, rename) in plan.renames.enumerated() where isRenamed[place] {
      guard let key = walk.key(before: range(fields[rename.place]).lowerBound) else { continue }
      edit.replace(key) { $0.append(contentsOf: rename.key) }
    }
  }

  /// Whether a field is there and was not cut.
  private func isPresent(_ place: Int) -> Bool {
    fields[place].kind != .missing && !edit.isCut(range(fields[place]).lowerBound)
  }

  private func isRenamedAway(_ place: Int) -> Bool {
    for (index, rename) in plan.renames.enumerated()
    where rename.place == place && isRenamed[index] { return true }
    return false
  }

  private mutating func compute(_ event: StageEvent, _ pass: StagePass, _ isJSON: Bool) {
    for sum in plan.sums {
      let field = fields[sum.place]
      guard field.kind == .number || field.kind == .text,
        let value = pass.number(field, of: event)
      else { continue }
      var result = value
      var text: DecimalText?
      for step in sum.steps {
        guard let next = step.result(of: result) else {
          isUnapplied = true
          continue
        }
        (result, text) = next
      }
      guard let text else { continue }
      if result == value && field.kind == .number && keepsText(field, sum, event, pass) { continue }
      edit.replace(isJSON ? range(field) : field.range) { text.append(to: &$0) }
    }
  }

  /// Whether a number that came out as it was may keep its text, however long: nothing was rounded,
  /// or it is written as a whole number.
  private func keepsText(
    _ field: Field,
    _ sum: MapPlan.Sum,
    _ event: StageEvent,
    _ pass: StagePass
  ) -> Bool {
    for step in sum.steps where step.roundDigitCount != nil {
      for byte in pass.bytes(of: field, in: event)
      where byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e") { return false }
      return field.number != 0 || pass.bytes(of: field, in: event).first != UInt8(ascii: "-")
    }
    return true
  }

  private mutating func add(to root: Field, _ event: StageEvent, _ pass: StagePass) {
    if plan.additions.isEmpty { return }
    var walk = JSONWalk(pass.payload(event), place: range(root).lowerBound)
    guard walk.open() == true else {
      isUnapplied = true
      return
    }
    let isCut = !plan.selected.isEmpty || !removed.isEmpty
    var hasMember = isCut ? edit.rootHasMember : !walk.close()
    let topic = pass.topic(event)
    for addition in plan.additions {
      guard let taken = replaceable(addition) else { continue }
      edit.replace(range(fields[taken])) { addition.append(topic, captures, to: &$0) }
    }
    let end = root.range.upperBound - 1
    for addition in plan.additions where replaceable(addition) == nil {
      edit.replace(end..<end) { bytes in
        if hasMember { bytes.append(UInt8(ascii: ",")) }
        bytes.append(contentsOf: addition.key)
        bytes.append(UInt8(ascii: ":"))
        addition.append(topic, captures, to: &bytes)
      }
      hasMember = true
    }
  }

  /// The field whose value an addition takes the place of.
  private func replaceable(_ addition: MapPlan.Addition) -> Int? {
    guard let taken = addition.taken, isPresent(taken), !isRenamedAway(taken) else { return nil }
    return taken
  }

  func save(into bytes: inout SnapshotWriter) {
    bytes.append(unappliedCount)
    bytes.append(invalidTopicCount)
  }

  mutating func restore(from bytes: inout SnapshotReader) -> Bool {
    guard let unapplied: UInt64 = bytes.number(), let invalid: UInt64 = bytes.number() else {
      return false
    }
    (unappliedCount, invalidTopicCount) = (unapplied, invalid)
    return true
  }
}

extension MapPlan.Addition {
  /// Appends the value as JSON.
  func append(_ topic: ArraySlice<UInt8>, _ captures: [Range<Int>], to bytes: inout [UInt8]) {
    guard let text else {
      bytes.append(contentsOf: value)
      return
    }
    bytes.append(UInt8(ascii: "\""))
    text.append(topic: topic, captures: captures, isJSON: true, to: &bytes)
    bytes.append(UInt8(ascii: "\""))
  }
}
