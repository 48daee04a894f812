/// Changes to a JSON text: parts that are replaced or cut out; all else stays byte for byte.
///
/// The text is known to be valid: a ``FieldScanner`` has read it to its end. Where it turns out not
/// to be, the walk says so, and nothing is out of bounds. Reused, so that nothing is allocated per
/// text.
struct JSONEdit: Sendable {
  private struct Splice: Sendable {
    /// What goes, counted from the text's begin.
    var range: Range<Int>
    /// What comes in its place, in `inserted`.
    var text: Range<Int>
    /// Its place among the splices as they were made.
    var order: Int
  }

  private struct Frame: Sendable {
    var isObject: Bool
    /// Whether all within stays unless it is removed.
    var isKept: Bool
    /// Whether a member stays so far.
    var hasMember = false
    /// The comma before the member at hand, or the opening bracket.
    var separator: Int
  }

  private var splices: [Splice] = []
  private var inserted: [UInt8] = []
  private var frames: [Frame] = []
  /// Whether the outermost object still has a member; known after ``cut(_:root:keeping:removing:)``.
  private(set) var rootHasMember = false

  var isEmpty: Bool { splices.isEmpty }

  mutating func removeAll() {
    splices.removeAll(keepingCapacity: true)
    inserted.removeAll(keepingCapacity: true)
    frames.removeAll(keepingCapacity: true)
  }

  /// Puts what `append` appends in the place of a part.
  mutating func replace(_ range: Range<Int>, _ append: (inout [UInt8]) -> Void) {
    let start = inserted.count
    append(&inserted)
    splices.append(
      Splice(range: range, text: start..<inserted.count, order: splices.count)
    )
  }

  /// Whether a part is to be cut out.
  func isCut(_ place: Int) -> Bool {
    for splice in splices where splice.text.isEmpty && splice.range.contains(place) { return true }
    return false
  }

  /// Appends the changed text; of changes within each other the outermost counts, of those at one
  /// place the first that was made.
  mutating func apply(to text: ArraySlice<UInt8>, into output: inout [UInt8]) {
    splices.sort { left, right in
      left.range.lowerBound != right.range.lowerBound
        ? left.range.lowerBound < right.range.lowerBound : left.order < right.order
    }
    var place = 0
    for splice in splices where splice.range.lowerBound >= place {
      append(text, place..<splice.range.lowerBound, &output)
      output.append(contentsOf: inserted[splice.text])
      place = splice.range.upperBound
    }
    append(text, place..<text.count, &output)
  }

  private func append(_ text: ArraySlice<UInt8>, _ range: Range<Int>, _ output: inout [UInt8]) {
    let start = text.startIndex
    output.append(contentsOf: text[(start + range.lowerBound)..<(start + range.upperBound)])
  }

  /// Cuts members out of objects and elements out of arrays.
  ///
  /// Values are told by where they begin.
  ///
  /// - Parameters:
  ///   - text: the JSON text.
  ///   - root: where its value lies.
  ///   - kept: what stays, and what it lies in; nil: everything.
  ///   - removed: what goes in any case.
  /// - Returns: false where the text can't be valid JSON.
  /// - Complexity: O(bytes × depth × places), with the depth of the places only.
  mutating func cut(
    _ text: ArraySlice<UInt8>,
    root: Range<Int>,
    keeping kept: [Int]?,
    removing removed: [Int]
  ) -> Bool {
    var walk = JSONWalk(text, place: root.lowerBound)
    guard let isObject = walk.open() else { return true }
    let keepsAll = kept?.contains(root.lowerBound) ?? true
    frames.append(Frame(isObject: isObject, isKept: keepsAll, separator: root.lowerBound))
    while var frame = frames.popLast() {
      if walk.close() {
        if frames.isEmpty { rootHasMember = frame.hasMember }
        if !leave(&walk) { return false }
        continue
      }
      let start = walk.place
      guard !frame.isObject || walk.passKey() else { return false }
      walk.passSpace()
      let valueStart = walk.place
      guard walk.passValue() else { return false }
      let value = valueStart..<walk.place
      let isKept = frame.isKept || kept?.contains(valueStart) == true
      let holdsKept = !isKept && holds(kept ?? [], within: value)
      if removed.contains(valueStart) || !(isKept || holdsKept) {
        guard let end = walk.passSeparator() else { return false }
        // With nothing before it that stays, the comma behind it goes too; otherwise that before it.
        let first = frame.hasMember ? frame.separator : start
        let last = frame.hasMember ? end : walk.place
        splices.append(Splice(range: first..<last, text: 0..<0, order: splices.count))
        if frame.hasMember { frame.separator = end }
        frames.append(frame)
        continue
      }
      frame.hasMember = true
      frames.append(frame)
      if holdsKept || holds(removed, within: value) {
        walk.place = valueStart
        guard let isObject = walk.open() else { return false }
        frames.append(Frame(isObject: isObject, isKept: isKept, separator: valueStart))
      } else if !leave(&walk) {
        return false
      }
    }
    return true
  }

  /// Goes on behind a value that stays.
  private mutating func leave(_ walk: inout JSONWalk) -> Bool {
    guard let last = frames.indices.last else { return true }
    guard let separator = walk.passSeparator() else { return false }
    frames[last].separator = separator
    return true
  }

  private func holds(_ places: [Int], within range: Range<Int>) -> Bool {
    for place in places where place > range.lowerBound && place < range.upperBound { return true }
    return false
  }
}
