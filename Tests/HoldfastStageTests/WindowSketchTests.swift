import HoldfastEvent
import Testing

@testable import HoldfastStage

@Suite struct WindowSketchTests {
  private static func value(_ shape: String, _ random: inout SplitMix64) -> Double {
    let unit = Double(random.next() >> 11) * 0x1p-53
    switch shape {
    case "narrow": return 21 + unit
    case "both signs": return unit * 200 - 100
    case "wide": return 1 / (unit + 1e-3)
    case "steps": return Double(random.next() % 10) + 1
    case "with zeros": return random.next() % 3 == 0 ? 0 : -unit * 7
    default: return unit * 1000
    }
  }

  @Test(arguments: ["even", "narrow", "both signs", "wide", "steps", "with zeros"])
  func `a percentile is off by at most the stated error`(shape: String) throws {
    var random = SplitMix64(seed: 3)
    for count in [1, 2, 3, 10, 101, 5000] {
      var sketch = WindowSketch()
      var values: [Double] = []
      for _ in 0..<count {
        let value = Self.value(shape, &random)
        values.append(value)
        sketch.add(value)
      }
      values.sort()
      for percent in [0.1, 1, 5, 25, 50, 75, 90, 95, 99, 99.9] {
        let rank = max(1, Int((percent / 100 * Double(count)).rounded(.up)))
        let exact = values[rank - 1]
        let found = try #require(sketch.percentile(percent, within: values[0]...values[count - 1]))
        // Where there are too many buckets for all, the smallest count as 0.
        let smallest = (values.last ?? 0).magnitude / 16
        let isDropped = exact.magnitude < smallest && (shape == "even" || shape == "both signs")
        let isBelow = shape == "both signs" && exact.magnitude < 100.0 / 8
        let error = (found - exact).magnitude
        #expect(
          error <= WindowSketch.relativeError * exact.magnitude
            || (isDropped || isBelow) && error <= exact.magnitude,
          "p\(percent) of \(count): \(found) for \(exact)"
        )
      }
    }
  }

  @Test(arguments: ["even", "narrow", "both signs", "wide", "steps", "with zeros"])
  func `merged sketches are the sketch of all values, in whatever order`(shape: String) {
    var random = SplitMix64(seed: 9)
    var whole = WindowSketch()
    var parts = [WindowSketch](repeating: WindowSketch(), count: 5)
    for _ in 0..<6000 {
      // Far more buckets than there is room for.
      let value = Self.value(shape, &random) * (random.next() % 2 == 0 ? 1 : 1e-9)
      whole.add(value)
      parts[Int(random.next() % 5)].add(value)
    }
    var forward = WindowSketch()
    var backward = WindowSketch()
    for part in parts { forward.merge(part) }
    for part in parts.reversed() { backward.merge(part) }
    #expect(forward == whole)
    #expect(backward == whole)
    #expect(whole.count == 6000)
  }

  @Test func `buckets are bounded, and what has no room counts as the least`() throws {
    var sketch = WindowSketch()
    var value = 1e-300
    for _ in 0..<20_000 {
      sketch.add(value)
      value *= 1.05
    }
    var writer = SnapshotWriter()
    sketch.save(into: &writer)
    #expect(writer.bytes.count == 12 + 12 * WindowSketch.bucketCountMax)
    #expect(sketch.percentile(1, within: 1e-300...value) == 1e-300)
    let top = try #require(sketch.percentile(100, within: 1e-300...value))
    #expect((top / (value / 1.05) - 1).magnitude <= WindowSketch.relativeError)
  }

  @Test func `the ends of the doubles have buckets as well`() {
    for value in [Double.greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNormalMagnitude]
    {
      var sketch = WindowSketch()
      sketch.add(value)
      #expect(sketch.percentile(50, within: value...value) == value)
      #expect(sketch.percentile(50, within: -.infinity...(.infinity))?.isFinite == true)
    }
    var sketch = WindowSketch()
    sketch.add(Double.leastNonzeroMagnitude)
    sketch.add(-0.0)
    #expect(sketch.percentile(99, within: -1...1) == 0)
  }

  @Test func `a snapshot goes on as the same, and its pieces are none`() {
    var random = SplitMix64(seed: 1)
    var sketch = WindowSketch()
    #expect(sketch.percentile(50, within: 0...1) == nil)
    for _ in 0..<100 { sketch.add(Self.value("both signs", &random)) }
    var writer = SnapshotWriter()
    sketch.save(into: &writer)
    var reader = SnapshotReader(writer.bytes[...])
    #expect(WindowSketch(from: &reader) == sketch)
    for count in writer.bytes.indices {
      var reader = SnapshotReader(writer.bytes[..<count])
      #expect(WindowSketch(from: &reader) == nil)
    }
  }
}
