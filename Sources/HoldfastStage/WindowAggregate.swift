/// Which running figures the aggregates of a window need; the others are not kept.
struct AggregatePlan: Sendable {
  let aggregates: [WindowSettings.Aggregate]
  let needsSum: Bool
  let needsMoments: Bool
  let needsTexts: Bool
  let needsSketch: Bool

  init(_ aggregates: [WindowSettings.Aggregate]) {
    self.aggregates = aggregates
    needsSum = aggregates.contains(.sum) || aggregates.contains(.mean)
    needsMoments = aggregates.contains(.stddev)
    needsTexts = aggregates.contains(.first) || aggregates.contains(.last)
    needsSketch = aggregates.contains { if case .percentile = $0 { true } else { false } }
  }
}

/// The running figures of one field in one window.
struct FieldAggregate: Sendable {
  /// Memory of one without its sketch: itself and two texts.
  static let byteCount = MemoryLayout<FieldAggregate>.stride + 2 * 64

  private(set) var count: UInt64 = 0
  /// Sum and what rounding took from it (Neumaier 1974).
  private var sum = 0.0
  private var compensation = 0.0
  private var least = Double.infinity
  private var greatest = -Double.infinity
  /// Mean and sum of squared distances from it (Welford 1962).
  private var mean = 0.0
  private var squares = 0.0
  private var first = NumberText()
  private var last = NumberText()
  private var sketch = WindowSketch()
  /// Memory of what grows with the values, bytes.
  var sketchByteCount: Int { sketch.bucketCount * WindowSketch.bucketByteCount }

  init() {}

  /// Adds a finite value.
  ///
  /// - Parameters:
  ///   - value: the value.
  ///   - text: how it stood in the payload.
  ///   - plan: what is wanted.
  @inline(__always)
  mutating func add(
    _ value: Double,
    text: @autoclosure () -> ArraySlice<UInt8>,
    _ plan: AggregatePlan
  ) {
    count &+= 1
    least = min(least, value)
    greatest = max(greatest, value)
    if plan.needsSum {
      let total = sum + value
      compensation += sum.magnitude >= value.magnitude ? sum - total + value : value - total + sum
      sum = total
    }
    if plan.needsMoments {
      let distance = value - mean
      mean += distance / Double(count)
      squares += distance * (value - mean)
    }
    if plan.needsTexts {
      last.set(text(), value)
      if count == 1 { first = last }
    }
    if plan.needsSketch { sketch.add(value) }
  }

  /// Appends the field's object; `null` where there was no value.
  ///
  /// What overflows a double, and the deviation of a single value, is `null`.
  func append(to json: inout ResultText, _ plan: AggregatePlan) {
    guard count > 0 else {
      json.append("null")
      return
    }
    for (place, aggregate) in plan.aggregates.enumerated() {
      json.append(place == 0 ? "{\"" : ",\"")
      switch aggregate {
      case .count:
        json.append("count\":")
        json.append(count)
      case .sum: append(sum + compensation, "sum", to: &json)
      case .min: append(least, "min", to: &json)
      case .max: append(greatest, "max", to: &json)
      case .mean: append((sum + compensation) / Double(count), "mean", to: &json)
      case .first:
        json.append("first\":")
        json.append(first.bytes)
      case .last:
        json.append("last\":")
        json.append(last.bytes)
      case .stddev:
        let variance = count > 1 ? squares / Double(count - 1) : .nan
        append(variance.squareRoot(), "stddev", to: &json)
      case .percentile(let percent):
        json.append("p")
        json.append(number: percent)
        json.append("\":")
        json.append(number: sketch.percentile(percent, within: least...greatest) ?? .nan)
      }
    }
    json.append(plan.aggregates.isEmpty ? "{}" : "}")
  }

  private func append(_ value: Double, _ name: String, to json: inout ResultText) {
    json.append(name)
    json.append("\":")
    json.append(number: value)
  }

  func save(into bytes: inout SnapshotWriter) {
    bytes.append(count)
    for number in [sum, compensation, least, greatest, mean, squares] { bytes.append(number) }
    bytes.append(bytes: first.bytes[...])
    bytes.append(bytes: last.bytes[...])
    sketch.save(into: &bytes)
  }

  init?(from bytes: inout SnapshotReader) {
    guard let count: UInt64 = bytes.number(), let sum = bytes.double(),
      let compensation = bytes.double(), let least = bytes.double(),
      let greatest = bytes.double(), let mean = bytes.double(), let squares = bytes.double(),
      count == 0 || least <= greatest, first.restore(from: &bytes), last.restore(from: &bytes),
      let sketch = WindowSketch(from: &bytes)
    else { return nil }
    self.count = count
    self.sum = sum
    self.compensation = compensation
    self.least = least
    self.greatest = greatest
    self.mean = mean
    self.squares = squares
    self.sketch = sketch
  }
}
