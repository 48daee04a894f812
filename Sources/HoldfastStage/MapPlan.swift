internal import HoldfastEvent
internal import HoldfastPayload

/// The settings of `map` as its step needs them: which fields are read, and what is done with each.
struct MapPlan: Sendable {
  /// A field that is computed on; places are those in ``paths``.
  struct Sum: Sendable {
    var place: Int
    var steps: [MapSettings.Compute]
  }

  struct Rename: Sendable {
    var place: Int
    /// The field that has the new name already; nil: none can.
    var taken: Int?
    /// The new key, with its quotes.
    var key: [UInt8]
  }

  struct Addition: Sendable {
    /// The field of that name, if there is one; nil: none can.
    var taken: Int?
    /// The key with its quotes.
    var key: [UInt8]
    /// A text to fill in, or else the value as it stands.
    var text: FillText?
    var value: [UInt8]
  }

  /// What is read; the first is the whole payload.
  private(set) var paths: [FieldPath] = [.whole]
  private(set) var selected: [Int] = []
  private(set) var removed: [Int] = []
  private(set) var renames: [Rename] = []
  private(set) var sums: [Sum] = []
  private(set) var additions: [Addition] = []
  let topic: FillText?
  /// Whether it matters what the wildcards took.
  private(set) var usesCaptures: Bool

  init(_ settings: MapSettings) {
    topic = settings.topic.map { FillText($0) }
    usesCaptures = topic?.usesCaptures ?? false
    selected = settings.select.map { place(of: $0) }
    removed = settings.remove.map { place(of: $0) }
    for rename in settings.rename {
      let parent = rename.field.steps.dropLast()
      renames.append(
        Rename(
          place: place(of: rename.field),
          taken: Self.path(of: rename.name, in: parent).map { place(of: $0) },
          key: Self.key(rename.name)
        )
      )
    }
    for compute in settings.compute {
      let place = place(of: compute.field)
      if let known = sums.firstIndex(where: { $0.place == place }) {
        sums[known].steps.append(compute)
      } else {
        sums.append(Sum(place: place, steps: [compute]))
      }
    }
    for addition in settings.add {
      // What is no number, true, false or null would make the payload unreadable: it is a text.
      let isText = addition.isText || !Self.isScalar(addition.value)
      additions.append(
        Addition(
          taken: Self.path(of: addition.name, in: []).map { place(of: $0) },
          key: Self.key(addition.name),
          text: isText ? FillText(addition.value) : nil,
          value: Array(addition.value.utf8)
        )
      )
      usesCaptures = usesCaptures || additions.contains { $0.text?.usesCaptures ?? false }
    }
  }

  /// Whether the payload can change at all.
  var editsPayload: Bool { editsObject || !sums.isEmpty }

  /// Whether there is anything but arithmetic on the whole payload, which a plain number allows too.
  var editsObject: Bool {
    !(selected.isEmpty && removed.isEmpty && renames.isEmpty && additions.isEmpty)
      || sums.contains { $0.place != 0 }
  }

  private mutating func place(of path: FieldPath) -> Int {
    if let place = paths.firstIndex(of: path) { return place }
    paths.append(path)
    return paths.count - 1
  }

  private static func path(of name: String, in parent: ArraySlice<FieldPath.Step>) -> FieldPath? {
    var text = ""
    for step in parent {
      switch step {
      case .index(let index): text += "[\(index)]"
      case .key(let key): text += quoted(String(decoding: key, as: UTF8.self), after: text)
      }
    }
    return try? FieldPath(text + quoted(name, after: text))
  }

  private static func quoted(_ key: String, after text: String) -> String {
    var quoted = text.isEmpty ? "\"" : ".\""
    for character in key.unicodeScalars {
      if character == "\"" || character == "\\" { quoted += "\\" }
      quoted.unicodeScalars.append(character)
    }
    return quoted + "\""
  }

  private static func key(_ name: String) -> [UInt8] {
    var key = [UInt8(ascii: "\"")]
    appendJSONText(name.utf8, to: &key)
    return key + [UInt8(ascii: "\"")]
  }

  private static func isScalar(_ text: String) -> Bool {
    if text == "true" || text == "false" || text == "null" { return true }
    let bytes = Array(text.utf8)
    return unsafe bytes.withUnsafeBytes { unsafe decimalNumber($0) } != nil
  }
}

extension MapSettings.Compute {
  /// The value × scale + offset, clamped and rounded, and its text; nil where it is not finite.
  func result(of value: Double) -> (value: Double, text: DecimalText)? {
    var result = value * scale + offset
    if let min, result < min { result = min }
    if let max, result > max { result = max }
    guard var text = DecimalText(result) else { return nil }
    guard let roundDigitCount else { return (result, text) }
    text.round(digitCount: roundDigitCount)
    result = text.value
    return result.isFinite ? (result, text) : nil
  }
}
