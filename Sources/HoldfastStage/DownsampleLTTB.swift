internal import HoldfastEvent

/// One event per window, chosen as largest triangle three buckets does it (Steinarsson 2013), over
/// a curve without end.
///
/// The triangle stands on the event that was chosen last, a candidate of the window at hand, and the
/// mean of the window that follows; so two windows are held. The first event of a topic is chosen at
/// once. Where the window that follows is empty the curve ends there, and the last candidate is
/// chosen, as the method keeps the end of a curve.
struct LTTBCurve: Sendable {
  /// Most events held of one window; what follows counts as a window of its own.
  static let candidateCountMax = 4096

  /// What happened to the window that an event was added to.
  enum Outcome: Sendable {
    case added
    /// It had ``candidateCountMax`` events; the event began another one.
    case cut
  }

  private struct Candidate: Sendable {
    var held: HeldEvent
    var value: Double
  }

  private struct Bucket: Sendable {
    /// Where its window begins, microseconds since 1970.
    var start: Int64 = 0
    var candidates: [Candidate] = []
    var isEmpty: Bool { candidates.isEmpty }
    var isFull: Bool { candidates.count >= LTTBCurve.candidateCountMax }
  }

  /// Arrival and value of the event chosen last; nil: none yet.
  private var anchor: (wall: Int64, value: Double)?
  private var current = Bucket()
  /// Empty while the current window is the last one.
  private var following = Bucket()
  private(set) var memoryByteCount = 0

  init() {}

  /// Whether no event is held.
  var isEmpty: Bool { current.isEmpty }

  /// Whether an event would be the first of its topic.
  var isNew: Bool { anchor == nil }

  /// The first event of a topic was sent.
  mutating func begin(_ event: StageEvent, _ value: Double) { anchor = (event.row.wall, value) }

  /// Adds an event with a finite value.
  ///
  /// - Parameters:
  ///   - event: it.
  ///   - value: its value.
  ///   - start: where its window begins.
  ///   - end: where the window at hand ends that begins at a given instant.
  ///   - pass: takes what is chosen.
  /// - Returns: whether a window was cut.
  mutating func add(
    _ event: StageEvent,
    _ value: Double,
    start: Int64,
    end: (Int64) -> Int64,
    _ pass: inout StagePass
  ) -> Outcome {
    let candidate = Candidate(held: pass.hold(event), value: value)
    memoryByteCount += candidate.held.memoryByteCount
    if current.isEmpty {
      current = Bucket(start: start, candidates: [candidate])
      return .added
    }
    if following.isEmpty {
      if start == current.start && !current.isFull {
        current.candidates.append(candidate)
        return .added
      }
      let isCut = start == current.start
      // A whole window without an event lies between.
      if start > end(current.start) { choose(&pass) }
      if current.isEmpty {
        current = Bucket(start: start, candidates: [candidate])
      } else {
        following = Bucket(start: start, candidates: [candidate])
      }
      return isCut ? .cut : .added
    }
    if start == following.start && !following.isFull {
      following.candidates.append(candidate)
      return .added
    }
    let isCut = start == following.start
    choose(&pass)
    if start > end(current.start) { choose(&pass) }
    if current.isEmpty {
      current = Bucket(start: start, candidates: [candidate])
    } else {
      following = Bucket(start: start, candidates: [candidate])
    }
    return isCut ? .cut : .added
  }

  /// When time alone decides, by the ends of the windows; `.max` where nothing is held.
  func due(end: (Int64) -> Int64) -> Int64 {
    if current.isEmpty { return .max }
    return following.isEmpty ? end(end(current.start)) : end(following.start)
  }

  /// Sends the choice of the window at hand; the following one takes its place.
  mutating func choose(_ pass: inout StagePass) {
    guard !current.isEmpty else { return }
    let place = largestTriangle() ?? current.candidates.count - 1
    let chosen = current.candidates[place]
    anchor = (chosen.held.row.wall, chosen.value)
    for candidate in current.candidates { memoryByteCount -= candidate.held.memoryByteCount }
    pass.emit(pass.take(chosen.held))
    current = following
    following = Bucket()
  }

  /// The candidate whose triangle is largest, the first of equals; nil where no window follows.
  private func largestTriangle() -> Int? {
    guard let anchor, !following.isEmpty else { return nil }
    // Times count from the anchor, so that a double holds them exactly.
    var (time, value) = (0.0, 0.0)
    for candidate in following.candidates {
      time += Double(candidate.held.row.wall.subtractingSaturated(anchor.wall))
      value += candidate.value
    }
    time /= Double(following.candidates.count)
    value /= Double(following.candidates.count)
    var (best, largest) = (0, -1.0)
    for (place, candidate) in current.candidates.enumerated() {
      let distance = Double(candidate.held.row.wall.subtractingSaturated(anchor.wall))
      let area =
        (distance * (value - anchor.value) - time * (candidate.value - anchor.value)).magnitude
      if area > largest { (best, largest) = (place, area) }
    }
    return best
  }

  func save(into bytes: inout SnapshotWriter) {
    bytes.append(anchor != nil)
    bytes.append(anchor?.wall ?? 0)
    bytes.append(anchor?.value ?? 0)
    for bucket in [current, following] {
      bytes.append(bucket.start)
      bytes.append(UInt32(truncatingIfNeeded: bucket.candidates.count))
      for candidate in bucket.candidates {
        bytes.append(candidate.value)
        bytes.append(candidate.held)
      }
    }
  }

  init?(from bytes: inout SnapshotReader) {
    guard let hasAnchor = bytes.bool(), let wall: Int64 = bytes.number(),
      let value = bytes.double(), let current = Self.bucket(from: &bytes),
      let following = Self.bucket(from: &bytes), following.isEmpty || !current.isEmpty
    else { return nil }
    if hasAnchor { anchor = (wall, value) }
    self.current = current
    self.following = following
    for candidate in current.candidates + following.candidates {
      memoryByteCount += candidate.held.memoryByteCount
    }
  }

  private static func bucket(from bytes: inout SnapshotReader) -> Bucket? {
    guard let start: Int64 = bytes.number(), let count: UInt32 = bytes.number(),
      Int(clamping: count) <= candidateCountMax
    else { return nil }
    var bucket = Bucket(start: start)
    for _ in 0..<count {
      guard let value = bytes.double(), let held = bytes.held() else { return nil }
      bucket.candidates.append(Candidate(held: held, value: value))
    }
    return bucket
  }
}
