import ArgumentParser

/// A fleet of sensors whose topics and payloads are pure functions of a seed.
///
/// So the collector can work out what each payload must have been and compare it byte for byte.
struct Fleet: Equatable {
  enum Kind: String, ExpressibleByArgument, CaseIterable {
    case scalar
    case json
    case mixed
  }

  private struct Quantity {
    var name: String
    /// In hundredths of the unit.
    var base: Int
    var swing: Int
  }

  private static let quantities = [
    Quantity(name: "temperature", base: 2150, swing: 400),
    Quantity(name: "humidity", base: 4520, swing: 900),
    Quantity(name: "pressure", base: 101_325, swing: 800),
    Quantity(name: "vibration", base: 180, swing: 120),
    Quantity(name: "power", base: 73_200, swing: 21_000),
    Quantity(name: "flow", base: 1240, swing: 310),
    Quantity(name: "level", base: 6400, swing: 2500),
    Quantity(name: "co2", base: 61_000, swing: 9000),
  ]
  /// Sensors in one hall; decides how topics are spelt.
  private static let hallSize = 24

  var seed: UInt64
  var topicCount: Int
  var kind: Kind
  /// Random characters added to each payload, for traffic that doesn't compress.
  var padding: Int

  func topic(_ index: Int) -> String {
    let hall = index / Self.hallSize + 1
    let quantity = Self.quantities[index % Self.quantities.count].name
    return "sensors/hall-\(hall)/\(quantity)/\(index % Self.hallSize + 1)"
  }

  func payload(topic index: Int, counter: Int) -> [UInt8] {
    let quantity = Self.quantities[index % Self.quantities.count]
    var noise = Noise(seed: seed, topic: index, counter: counter)
    // A triangle over 600 readings, with the sensor's own phase, and a little noise.
    let phase = (counter + index * 37) % 600
    let triangle = (phase < 300 ? phase : 600 - phase) * 2 * quantity.swing / 300 - quantity.swing
    let value = quantity.base + triangle + Int(noise.next() % 9) - 4
    var text = ""
    switch kind == .mixed ? (index.isMultiple(of: 2) ? .scalar : .json) : kind {
    case .scalar, .mixed:
      text = "\(counter) \(Self.decimal(value))"
      if padding > 0 { text += " " + noise.characters(padding) }
    case .json:
      let time = 1_760_000_000_000 + counter * 1000 + Int(noise.next() % 40)
      text = #"{"n":\#(counter),"ts":\#(time),"\#(quantity.name)":\#(Self.decimal(value))"#
      text += #","battery":\#(100 - counter / 500 % 80),"status":"ok""#
      if padding > 0 { text += #","pad":"\#(noise.characters(padding))""# }
      text += "}"
    }
    return Array(text.utf8)
  }

  private static func decimal(_ hundredths: Int) -> String {
    let part = abs(hundredths) % 100
    return "\(hundredths < 0 ? "-" : "")\(abs(hundredths) / 100).\(part < 10 ? "0" : "")\(part)"
  }
}

/// SplitMix64, started from what identifies a reading.
struct Noise: RandomNumberGenerator {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
  )

  private var state: UInt64

  init(seed: UInt64, topic: Int = 0, counter: Int = 0) {
    state = seed &* 0x9E37_79B9_7F4A_7C15
    state ^= UInt64(truncatingIfNeeded: topic) &* 0xD1B5_4A32_D192_ED03
    state = state &+ (UInt64(truncatingIfNeeded: counter) &* 0x8CB9_2BA7_2F3D_8DD7)
  }

  mutating func next() -> UInt64 {
    state = state &+ 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// `count` characters with six random bits each.
  mutating func characters(_ count: Int) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
      var bits = next()
      for _ in 0..<min(10, count - bytes.count) {
        bytes.append(Self.alphabet[Int(bits & 63)])
        bits >>= 6
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
