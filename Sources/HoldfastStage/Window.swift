/// One window of one topic: what was counted in it so far.
struct Window: Sendable {
  /// Memory of a window besides its fields: itself and the heads of its arrays.
  static let overheadByteCount = MemoryLayout<Window>.stride + 64

  /// Where it begins, microseconds since 1970.
  let start: Int64
  /// Rises with each window that the stage opens.
  var order: UInt64
  /// Raised with each correction.
  var revision: UInt32
  /// It holds only what came after the result with this revision; nil: it holds all there was.
  private(set) var precedingRevision: UInt32?
  /// A gap has cut into it.
  var isPartial = false
  /// How many events gaps took, of whatever topic; nil: unknown.
  var missingCount: UInt64? = 0
  /// Events that were aggregated.
  private(set) var eventCount: UInt64 = 0
  /// One for each field of the settings.
  private(set) var fields: [FieldAggregate]

  /// An empty one.
  init(start: Int64, order: UInt64, revision: UInt32, fieldCount: Int) {
    self.start = start
    self.order = order
    self.revision = revision
    precedingRevision = revision > 0 ? revision - 1 : nil
    fields = Array(repeating: FieldAggregate(), count: fieldCount)
  }

  /// Adds an event whose fields the pass has read.
  ///
  /// - Parameters:
  ///   - event: the event.
  ///   - values: one for each field, not a number where it has none.
  ///   - pass: where its bytes are.
  ///   - plan: what is wanted.
  mutating func add(
    _ event: StageEvent,
    values: [Double],
    _ pass: borrowing StagePass,
    _ plan: AggregatePlan
  ) {
    eventCount &+= 1
    for place in fields.indices where place < values.count && !values[place].isNaN {
      fields[place].add(
        values[place],
        text: pass.bytes(of: pass.fields[place], in: event),
        plan
      )
    }
  }

  /// Memory that it takes, bytes; texts of numbers, which are short, count with the fields.
  var memoryByteCount: Int {
    fields.reduce(Self.overheadByteCount) { $0 + FieldAggregate.byteCount + $1.sketchByteCount }
  }

  /// Memory of sketches, bytes.
  var sketchByteCount: Int { fields.reduce(0) { $0 + $1.sketchByteCount } }

  /// A gap has cut into it.
  mutating func note(missing count: UInt64?) {
    isPartial = true
    if let known = missingCount, let count {
      let (sum, overflow) = known.addingReportingOverflow(count)
      missingCount = overflow ? .max : sum
    } else {
      missingCount = nil
    }
  }

  func save(into bytes: inout SnapshotWriter) {
    bytes.append(start)
    bytes.append(order)
    bytes.append(revision)
    bytes.append(precedingRevision != nil)
    bytes.append(precedingRevision ?? 0)
    bytes.append(isPartial)
    bytes.append(missingCount != nil)
    bytes.append(missingCount ?? 0)
    bytes.append(eventCount)
    for field in fields { field.save(into: &bytes) }
  }

  init?(from bytes: inout SnapshotReader, fieldCount: Int) {
    guard let start: Int64 = bytes.number(), let order: UInt64 = bytes.number(),
      let revision: UInt32 = bytes.number(), let isReopened = bytes.bool(),
      let precedingRevision: UInt32 = bytes.number(), let isPartial = bytes.bool(),
      let isKnown = bytes.bool(),
      let missingCount: UInt64 = bytes.number(), let eventCount: UInt64 = bytes.number()
    else { return nil }
    self.init(start: start, order: order, revision: revision, fieldCount: 0)
    self.precedingRevision = isReopened ? precedingRevision : nil
    self.isPartial = isPartial
    self.missingCount = isKnown ? missingCount : nil
    self.eventCount = eventCount
    for _ in 0..<fieldCount {
      guard let field = FieldAggregate(from: &bytes) else { return nil }
      fields.append(field)
    }
  }
}

/// The windows of one topic.
struct TopicWindows: Sendable {
  /// Most windows of a topic that are open at once; the one that begins first is closed early.
  static let openCountMax = 8
  /// Most closed windows of a topic that are kept for corrections; the one closed first goes.
  static let keptCountMax = 2

  /// In the order of opening.
  var open: [Window] = []
  /// In the order of closing.
  var kept: [Window] = []
  /// What identities were given.
  var floor: RevisionFloor

  init(floor: RevisionFloor) { self.floor = floor }

  /// Memory of all windows, bytes.
  var memoryByteCount: Int {
    open.reduce(0) { $0 + $1.memoryByteCount } + kept.reduce(0) { $0 + $1.memoryByteCount }
  }

  /// The place of the open window that begins first; nil: none is open.
  var firstOpen: Int? {
    var first: Int?
    for place in open.indices where first.map({ open[place].start < open[$0].start }) ?? true {
      first = place
    }
    return first
  }

  /// Keeps a window that was closed.
  ///
  /// - Returns: the one that made room.
  mutating func keep(_ window: Window) -> Window? {
    let dropped = kept.count >= Self.keptCountMax ? kept.removeFirst() : nil
    kept.append(window)
    return dropped
  }

  func save(into bytes: inout SnapshotWriter) {
    floor.save(into: &bytes)
    for windows in [open, kept] {
      bytes.append(UInt8(truncatingIfNeeded: windows.count))
      for window in windows { window.save(into: &bytes) }
    }
  }

  init?(from bytes: inout SnapshotReader, fieldCount: Int) {
    guard let floor = RevisionFloor(from: &bytes),
      let open = Self.windows(from: &bytes, countMax: Self.openCountMax, fieldCount),
      let kept = Self.windows(from: &bytes, countMax: Self.keptCountMax, fieldCount)
    else { return nil }
    self.floor = floor
    self.open = open
    self.kept = kept
  }

  private static func windows(
    from bytes: inout SnapshotReader,
    countMax: Int,
    _ fieldCount: Int
  ) -> [Window]? {
    guard let count: UInt8 = bytes.number(), Int(count) <= countMax else { return nil }
    var windows: [Window] = []
    for _ in 0..<count {
      guard let window = Window(from: &bytes, fieldCount: fieldCount) else { return nil }
      windows.append(window)
    }
    return windows
  }
}
