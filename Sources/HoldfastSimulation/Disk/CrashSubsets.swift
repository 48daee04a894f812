internal import HoldfastEvent

/// Which of the pending items a power cut keeps: every way, or a fair choice where there are too
/// many.
struct CrashSubsets {
  /// Up to so many items all subsets are tried.
  static let exhaustiveCountMax = 10
  /// Most subsets tried of the kinds that grow with the square of the items.
  static let pairCountMax = 2_000

  /// Calls `body` with each subset: all of them, or all prefixes, all that drop one, keep one,
  /// drop two or keep two, all prefixes by whole pages of 4 KiB, and random ones.
  static func visit(
    _ point: CrashPoint,
    randomCount: Int,
    random: inout SplitMix64,
    _ body: ([Bool]) -> Void
  ) {
    let count = point.items.count
    if count <= exhaustiveCountMax {
      for mask in 0..<1 << count { body((0..<count).map { mask >> $0 & 1 == 1 }) }
      return
    }
    var kept = [Bool](repeating: false, count: count)
    body(kept)
    for place in 0..<count {
      kept[place] = true
      body(kept)
    }
    for isKept in [true, false] {
      // All but one, or one alone; then the same with two.
      var subset = [Bool](repeating: isKept, count: count)
      var pairCount = 0
      for first in 0..<count {
        subset[first] = !isKept
        body(subset)
        for second in first + 1..<max(first + 1, count) where pairCount < pairCountMax {
          pairCount += 1
          subset[second] = !isKept
          body(subset)
          subset[second] = isKept
        }
        subset[first] = isKept
      }
    }
    visitPages(point, body)
    for _ in 0..<randomCount {
      let share = random.next() % 8
      body((0..<count).map { _ in random.next() % 8 <= share })
    }
  }

  /// Disks that write 4 KiB as one: every subset of such pages, or all prefixes, drop-one and
  /// keep-one where there are too many.
  private static func visitPages(_ point: CrashPoint, _ body: ([Bool]) -> Void) {
    var pages: [[Int]] = []
    var last: (file: Int, page: Int)?
    for (place, item) in point.items.enumerated() {
      if case .sector(let file, _, let index, _, _) = item {
        let page = index * SparseBytes.sectorByteCount / SparseBytes.pageByteCount
        if let last, last == (file, page) {
          pages[pages.count - 1].append(place)
        } else {
          pages.append([place])
        }
        last = (file, page)
      } else {
        pages.append([place])
        last = nil
      }
    }
    guard pages.count <= exhaustiveCountMax else { return }
    for mask in 0..<1 << pages.count {
      var kept = [Bool](repeating: false, count: point.items.count)
      for (index, page) in pages.enumerated() where mask >> index & 1 == 1 {
        for place in page { kept[place] = true }
      }
      body(kept)
    }
  }
}
