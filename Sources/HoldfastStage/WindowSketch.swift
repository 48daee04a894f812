/// Counts values in buckets of about equal relative width, for percentiles of bounded error.
///
/// A bucket holds the doubles that share sign, exponent and the upper ``mantissaBitCount`` bits of
/// the mantissa: 64 buckets per octave, found without a logarithm, so that every machine computes
/// the same. A bucket stands for its middle, so a percentile is off by at most
/// ``relativeError`` of the value that is exactly at its rank.
///
/// Values below the least normal double count as 0, and so do those for whom ``bucketCountMax``
/// leaves no room: the smallest by magnitude. That needs values that spread over more than 8 octaves
/// (a factor of 256), or 4 on each side of 0. What is computed is kept within the least and the
/// greatest value, so with values of one sign those at the lower end then give the least.
///
/// Two sketches merge to the sketch of all their values, in whatever order; nothing is random.
struct WindowSketch: Equatable, Sendable {
  static let mantissaBitCount = 6
  /// Half of a bucket's width in proportion to its lower end: 1/128.
  static let relativeError = 0.0078125
  /// Most buckets besides that of 0.
  static let bucketCountMax = 512

  /// Memory of a bucket, bytes.
  static let bucketByteCount = MemoryLayout<Int32>.stride + MemoryLayout<UInt64>.stride
  /// Buckets besides that of 0.
  var bucketCount: Int { keys.count }

  /// How many values were added.
  private(set) var count: UInt64 = 0
  /// Those that count as 0.
  private var zeroCount: UInt64 = 0
  /// In the order of their values; see ``key(of:)``.
  private var keys: [Int32] = []
  private var counts: [UInt64] = []

  /// Exponent and upper mantissa bits, with the value's sign; 0 for what counts as 0.
  private static func key(of value: Double) -> Int32 {
    let magnitude = value.magnitude
    if magnitude < Double.leastNormalMagnitude { return 0 }
    let upper = Int32(truncatingIfNeeded: magnitude.bitPattern >> UInt64(52 - mantissaBitCount))
    return value < 0 ? -upper : upper
  }

  /// The middle of a bucket.
  private static func middle(of key: Int32) -> Double {
    let shift = UInt64(52 - mantissaBitCount)
    let half = UInt64(1) << (shift - 1)
    let magnitude = Double(bitPattern: UInt64(key.magnitude) << shift | half)
    return key < 0 ? -magnitude : magnitude
  }

  /// Adds a finite value.
  ///
  /// - Complexity: O(log buckets); O(buckets) for the first value of a bucket.
  mutating func add(_ value: Double) { add(Self.key(of: value), 1) }

  /// Adds all values of another sketch.
  mutating func merge(_ other: WindowSketch) {
    for place in other.keys.indices { add(other.keys[place], other.counts[place]) }
    add(0, other.zeroCount)
  }

  private mutating func add(_ key: Int32, _ number: UInt64) {
    count &+= number
    if key == 0 {
      zeroCount &+= number
      return
    }
    let place = place(of: key)
    if place < keys.count && keys[place] == key {
      counts[place] &+= number
      return
    }
    keys.insert(key, at: place)
    counts.insert(number, at: place)
    if keys.count > Self.bucketCountMax { dropSmallest() }
  }

  /// Where a key stands or would stand.
  private func place(of key: Int32) -> Int {
    var (low, high) = (0, keys.count)
    while low < high {
      let middle = (low + high) / 2
      if keys[middle] < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Counts the smallest bucket by magnitude as 0; of two the negative one.
  private mutating func dropSmallest() {
    let positive = place(of: 0)
    var smallest = positive
    if positive > 0
      && (positive == keys.count || keys[positive - 1].magnitude <= keys[positive].magnitude)
    {
      smallest = positive - 1
    }
    zeroCount &+= counts[smallest]
    keys.remove(at: smallest)
    counts.remove(at: smallest)
  }

  /// The value of rank ⌈percent/100 · count⌉, with the stated error.
  ///
  /// - Parameters:
  ///   - percent: 0 to 100.
  ///   - range: the least and the greatest value that was added.
  /// - Returns: nil of no values.
  func percentile(_ percent: Double, within range: ClosedRange<Double>) -> Double? {
    if count == 0 { return nil }
    let exact = (percent / 100 * Double(count)).rounded(.up)
    var rank = exact >= 1 && exact < 0x1p63 ? UInt64(exact) : 1
    rank = min(rank, count)
    var isPastZero = false
    for place in keys.indices {
      if keys[place] > 0 && !isPastZero {
        isPastZero = true
        if rank <= zeroCount { return Self.limited(0, range) }
        rank -= zeroCount
      }
      if rank <= counts[place] { return Self.limited(Self.middle(of: keys[place]), range) }
      rank -= counts[place]
    }
    return Self.limited(0, range)
  }

  private static func limited(_ value: Double, _ range: ClosedRange<Double>) -> Double {
    min(max(value, range.lowerBound), range.upperBound)
  }

  func save(into bytes: inout SnapshotWriter) {
    bytes.append(zeroCount)
    bytes.append(UInt32(truncatingIfNeeded: keys.count))
    for place in keys.indices {
      bytes.append(keys[place])
      bytes.append(counts[place])
    }
  }

  init() {}

  init?(from bytes: inout SnapshotReader) {
    guard let zeroCount: UInt64 = bytes.number(), let bucketCount: UInt32 = bytes.number(),
      bucketCount <= UInt32(Self.bucketCountMax)
    else { return nil }
    self.zeroCount = zeroCount
    count = zeroCount
    for _ in 0..<bucketCount {
      guard let key: Int32 = bytes.number(), let number: UInt64 = bytes.number(),
        key != 0, key > keys.last ?? .min
      else { return nil }
      keys.append(key)
      counts.append(number)
      let (sum, overflow) = count.addingReportingOverflow(number)
      guard !overflow else { return nil }
      count = sum
    }
  }
}
