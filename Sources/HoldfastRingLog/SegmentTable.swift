internal import HoldfastEvent

/// The ring's segments in order of their numbers, with their sums at hand.
///
/// A ring can have hundreds of thousands of sealed files, and each step asks how large it is and
/// what is to be sealed next: so nothing here but a search by need walks over all of them.
struct SegmentTable: RandomAccessCollection, MutableCollection, Equatable {
  private var storage: [Segment] = []
  /// Segments before it are gone.
  private var head = 0
  /// Bytes on disk of all of them.
  private(set) var byteCount = 0
  /// How many are worth sealing.
  private(set) var sealableCount = 0
  /// How many of the oldest are passed, see ``pass(before:)``, and their bytes on disk.
  private(set) var passedCount = 0
  private(set) var passedByteCount = 0
  /// No segment that begins before it is worth sealing.
  private var sealableFloor: SequenceNumber = 0

  init() {}

  /// - Parameter segments: ascending by number.
  init(_ segments: [Segment]) {
    for segment in segments { append(segment) }
  }

  var startIndex: Int { 0 }
  var endIndex: Int { storage.count - head }

  subscript(index: Int) -> Segment {
    get { storage[head + index] }
    set {
      leave(storage[head + index])
      enter(newValue)
      if index < passedCount { passedByteCount += newValue.byteCount - self[index].byteCount }
      storage[head + index] = newValue
    }
  }

  /// The newest one, if there is any.
  var newest: Segment? {
    get { last }
    set {
      guard let newValue, !isEmpty else { return }
      self[endIndex - 1] = newValue
    }
  }

  mutating func append(_ segment: Segment) {
    enter(segment)
    storage.append(segment)
  }

  /// Puts back what was just taken off the front.
  mutating func prepend(_ segment: Segment) {
    enter(segment)
    if passedCount > 0 {
      passedCount += 1
      passedByteCount += segment.byteCount
    }
    storage.insert(segment, at: head)
  }

  @discardableResult
  mutating func removeFirst() -> Segment {
    let segment = storage[head]
    leave(segment)
    if passedCount > 0 {
      passedCount -= 1
      passedByteCount -= segment.byteCount
    }
    head += 1
    if head > 64 && head * 2 > storage.count {
      storage.removeFirst(head)
      head = 0
    }
    return segment
  }

  @discardableResult
  mutating func removeLast() -> Segment {
    if passedCount == count { unpass() }
    let segment = storage.removeLast()
    leave(segment)
    return segment
  }

  mutating func remove(at index: Int) {
    if index < passedCount {
      passedCount -= 1
      passedByteCount -= self[index].byteCount
    }
    leave(storage.remove(at: head + index))
  }

  /// Takes over that no number below `needed` is wanted any more: the oldest segments without any
  /// other number are passed, the newest one excepted, as it is being written or soon was.
  ///
  /// - Complexity: O(segments that come in or go out).
  mutating func pass(before needed: SequenceNumber) {
    while passedCount > 0, passedCount >= count || self[passedCount - 1].end > needed { unpass() }
    while passedCount + 1 < count, self[passedCount].end <= needed {
      passedByteCount += self[passedCount].byteCount
      passedCount += 1
    }
  }

  private mutating func unpass() {
    passedCount -= 1
    passedByteCount -= self[passedCount].byteCount
  }

  private mutating func enter(_ segment: Segment) {
    byteCount += segment.byteCount
    guard segment.isWorthSealing else { return }
    sealableCount += 1
    sealableFloor = Swift.min(sealableFloor, segment.first)
  }

  private mutating func leave(_ segment: Segment) {
    byteCount -= segment.byteCount
    if segment.isWorthSealing { sealableCount -= 1 }
  }

  /// Index of the first segment that begins after `sequence`.
  ///
  /// - Complexity: O(log segments).
  func index(after sequence: SequenceNumber) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle].first <= sequence { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Index of the segment whose range holds `sequence`.
  ///
  /// - Complexity: O(log segments).
  func index(holding sequence: SequenceNumber) -> Int? {
    let next = index(after: sequence)
    guard next > 0, sequence < self[next - 1].end else { return nil }
    return next - 1
  }

  /// The oldest segment that is worth sealing.
  ///
  /// - Complexity: O(log segments), and each segment is passed over once in its life.
  mutating func firstSealable() -> Segment? {
    guard sealableCount > 0 else { return nil }
    var place = sealableFloor == 0 ? 0 : index(after: sealableFloor - 1)
    while place < count, !self[place].isWorthSealing { place += 1 }
    guard place < count else { return nil }
    sealableFloor = self[place].first
    return self[place]
  }
}
