/// A file's bytes, in pages that copies share until one of them writes.
///
/// A page of zeros takes no memory, so that a mostly empty file costs next to nothing to keep, to
/// copy and to hash.
struct SparseBytes {
  /// Bytes of one page.
  static let pageByteCount = 4096
  /// Bytes of one sector: what a power cut keeps or loses as one.
  static let sectorByteCount = 512

  private(set) var count = 0
  /// An empty page is all zeros.
  private var pages: [[UInt8]] = []

  init() {}

  init(_ bytes: [UInt8]) { write(bytes[...], at: 0) }

  /// All bytes.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    read(0..<count, into: &bytes)
    return bytes
  }

  /// Replaces `buffer` by the part of `range` that there is.
  func read(_ range: Range<Int>, into buffer: inout [UInt8]) {
    buffer.removeAll(keepingCapacity: true)
    let end = min(range.upperBound, count)
    var offset = range.lowerBound
    buffer.reserveCapacity(max(0, end - offset))
    while offset < end {
      let start = offset % Self.pageByteCount
      let length = min(Self.pageByteCount - start, end - offset)
      let page = pages[offset / Self.pageByteCount]
      if page.isEmpty {
        buffer.append(contentsOf: repeatElement(0, count: length))
      } else {
        buffer.append(contentsOf: page[start..<start + length])
      }
      offset += length
    }
  }

  /// Writes, growing with zeros where needed.
  mutating func write(_ bytes: ArraySlice<UInt8>, at offset: Int) {
    grow(to: offset + bytes.count)
    var taken = bytes.startIndex
    while taken < bytes.endIndex {
      let place = offset + taken - bytes.startIndex
      let start = place % Self.pageByteCount
      let length = min(Self.pageByteCount - start, bytes.endIndex - taken)
      put(bytes[taken..<taken + length], into: place / Self.pageByteCount, at: start)
      taken += length
    }
  }

  private mutating func put(_ part: ArraySlice<UInt8>, into page: Int, at start: Int) {
    if pages[page].isEmpty {
      if isZero(part) { return }
      if part.count == Self.pageByteCount {
        pages[page] = Array(part)
        return
      }
      pages[page] = [UInt8](repeating: 0, count: Self.pageByteCount)
    } else if part.count == Self.pageByteCount {
      pages[page] = isZero(part) ? [] : Array(part)
      return
    }
    pages[page].replaceSubrange(start..<start + part.count, with: part)
  }

  /// Makes it at least `newCount` bytes long.
  mutating func grow(to newCount: Int) {
    if newCount <= count { return }
    count = newCount
    let pageCount = (newCount + Self.pageByteCount - 1) / Self.pageByteCount
    if pageCount > pages.count {
      pages.append(contentsOf: repeatElement([], count: pageCount - pages.count))
    }
  }

  /// Flips one bit, counted from the first byte's lowest.
  mutating func flip(bit: Int) {
    var byte: [UInt8] = []
    read(bit / 8..<bit / 8 + 1, into: &byte)
    guard let value = byte.first else { return }
    write([value ^ 1 << UInt8(bit % 8)], at: bit / 8)
  }

  /// The bytes of a sector, filled up with zeros beyond the end.
  func sector(_ index: Int) -> ArraySlice<UInt8> {
    let page = index * Self.sectorByteCount / Self.pageByteCount
    guard page < pages.count, !pages[page].isEmpty else { return Self.zeros }
    let start = index * Self.sectorByteCount % Self.pageByteCount
    return pages[page][start..<start + Self.sectorByteCount]
  }

  private static let zeros = [UInt8](repeating: 0, count: sectorByteCount)[...]

  /// A hash of length and contents that changes by ``sectorHash(_:at:)`` where a sector does.
  var hash: UInt64 {
    var sum = Self.hash(count: count)
    for (page, bytes) in pages.enumerated() where !bytes.isEmpty {
      let first = page * (Self.pageByteCount / Self.sectorByteCount)
      for index in 0..<Self.pageByteCount / Self.sectorByteCount {
        let start = index * Self.sectorByteCount
        sum &+= Self.sectorHash(bytes[start..<start + Self.sectorByteCount], at: first + index)
      }
    }
    return sum
  }

  /// The share of the length in ``hash``.
  static func hash(count: Int) -> UInt64 { mixed(UInt64(count) ^ 0x5bd1_e995_9d1b_7a35) }

  /// The share of one sector in ``hash``; 0 for zeros.
  static func sectorHash(_ sector: ArraySlice<UInt8>, at index: Int) -> UInt64 {
    var hash: UInt64 = 0
    var bits: UInt64 = 0
    unsafe sector.withUnsafeBytes { bytes in
      for offset in stride(from: 0, to: bytes.count & ~7, by: 8) {
        let word = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        bits |= word
        hash = (hash ^ word) &* 0x9e37_79b9_7f4a_7c15
        hash ^= hash >> 29
      }
    }
    return bits == 0 ? 0 : mixed(hash &+ mixed(UInt64(index) &+ 1))
  }

  /// Spreads every bit of `value` over all bits of the result.
  static func mixed(_ value: UInt64) -> UInt64 {
    var mixed = value
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// Whether another file has the same bytes in all of `range`; false where either ends before it.
  ///
  /// - Complexity: O(pages) where pages are shared, as between a file and its damaged copy.
  func isEqual(to other: SparseBytes, in range: Range<Int>) -> Bool {
    guard range.upperBound <= min(count, other.count) else { return false }
    var offset = range.lowerBound
    while offset < range.upperBound {
      let start = offset % Self.pageByteCount
      let length = min(Self.pageByteCount - start, range.upperBound - offset)
      let (page, otherPage) = (
        pages[offset / Self.pageByteCount], other.pages[offset / Self.pageByteCount]
      )
      if !Self.isShared(page, otherPage) {
        let here = page.isEmpty ? Self.zeroPage : page
        let there = otherPage.isEmpty ? Self.zeroPage : otherPage
        guard Self.isEqual(here[start..<start + length], there[start..<start + length]) else {
          return false
        }
      }
      offset += length
    }
    return true
  }

  private static let zeroPage = [UInt8](repeating: 0, count: pageByteCount)

  private static func isShared(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    unsafe one.withUnsafeBufferPointer { one in
      unsafe other.withUnsafeBufferPointer { other in
        unsafe one.baseAddress == other.baseAddress && one.count == other.count
      }
    }
  }

  /// Whether both hold the same bytes; eight at a time, as it is done by the million.
  static func isEqual(_ one: ArraySlice<UInt8>, _ other: ArraySlice<UInt8>) -> Bool {
    guard one.count == other.count else { return false }
    return unsafe one.withUnsafeBytes { one in
      unsafe other.withUnsafeBytes { other in
        var difference: UInt64 = 0
        var offset = 0
        while offset + 8 <= one.count {
          let left = unsafe one.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
          let right = unsafe other.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
          difference |= left ^ right
          offset += 8
        }
        while offset < one.count {
          unsafe difference |= UInt64(one[offset] ^ other[offset])
          offset += 1
        }
        return difference == 0
      }
    }
  }

  private func isZero(_ bytes: ArraySlice<UInt8>) -> Bool {
    unsafe bytes.withUnsafeBytes { bytes in
      var offset = 0
      while offset + 8 <= bytes.count {
        if unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) != 0 {
          return false
        }
        offset += 8
      }
      while offset < bytes.count {
        if unsafe bytes[offset] != 0 { return false }
        offset += 1
      }
      return true
    }
  }
}
