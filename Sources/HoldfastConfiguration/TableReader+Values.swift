extension TableReader {
  /// The tables `[[name]]` within this one, in order; `header` is how they are written.
  func tables(_ name: String, header: String) -> [TableReader] {
    guard let node = entries[name] else { return [] }
    guard case .array(let elements) = node.value else {
      problems.error(
        name,
        line: node.line,
        "\(name) must be a list of tables, not \(node.kind)",
        "begin each with \(header)"
      )
      // Read it all the same, so that what is wrong within it is told too.
      guard case .table(let entries) = node.value else { return [] }
      return [TableReader(entries: entries, line: node.line, title: header, problems: problems)]
    }
    return elements.compactMap { element in
      guard case .table(let entries) = element.value else {
        problems.error(
          name,
          line: element.line,
          "\(name) must hold tables, not \(element.kind)",
          "begin each with \(header)"
        )
        return nil
      }
      return TableReader(entries: entries, line: element.line, title: header, problems: problems)
    }
  }

  func boolean(_ key: some RawRepresentable<String>) -> Bool? {
    guard let node = entries[key.rawValue] else { return nil }
    if case .boolean(let value) = node.value { return value }
    error(key, "must be true or false, not \(node.kind)", "write it without quotes")
    return nil
  }

  /// A duration such as `"24h"`, or a size such as `"256MiB"`.
  func durationOrSize(
    _ key: some RawRepresentable<String>,
    in durations: ClosedRange<Int64>,
    or sizes: ClosedRange<Int>
  ) -> DurationOrSize? {
    guard let node = entries[key.rawValue] else { return nil }
    guard case .text(let text) = node.value else {
      error(
        key,
        "must be a duration or a size, not \(node.kind)",
        "write it in quotes with its unit, such as \"24h\" or \"256MiB\""
      )
      return nil
    }
    let units = Unit.durations + Unit.sizes
    guard quantity(key, text, units: units, example: "24h") != nil else { return nil }
    if let value = microseconds(ofDuration: text) {
      if durations.contains(value) { return .duration(value) }
    } else if let count = byteCount(ofSize: text), sizes.contains(count) {
      return .size(count)
    }
    let ends = [durations.lowerBound, durations.upperBound].map(formattedDuration)
    let sizeEnds = [sizes.lowerBound, sizes.upperBound].map(formattedSize)
    error(
      key,
      "is \(quoted(text)), outside its range",
      "give \"\(ends[0])\" to \"\(ends[1])\", or \"\(sizeEnds[0])\" to \"\(sizeEnds[1])\""
    )
    return nil
  }

  /// A rate such as `"64kbit/s"`, in bits per second.
  func rate(_ key: some RawRepresentable<String>, in range: ClosedRange<Int>) -> Int? {
    guard let node = entries[key.rawValue] else { return nil }
    let example = "64kbit/s"
    guard case .text(let text) = node.value else {
      error(
        key,
        "must be a rate, not \(node.kind)",
        "write it in quotes with its unit, such as \"\(example)\""
      )
      return nil
    }
    guard let value = quantity(key, text, units: Unit.rates, example: example) else { return nil }
    guard let rate = Int(exactly: value), range.contains(rate) else {
      let ends = [range.lowerBound, range.upperBound].map {
        formatted(Int64($0), units: Unit.rates)
      }
      error(key, "is \(quoted(text)), outside its range", "give \"\(ends[0])\" to \"\(ends[1])\"")
      return nil
    }
    return rate
  }

  /// A finite number, with or without quotes.
  func number(_ key: some RawRepresentable<String>) -> Double? {
    guard let node = entries[key.rawValue] else { return nil }
    let remedy = "give a number such as 0.5"
    switch node.value {
    case .integer(let number):
      return Double(number)
    case .fraction(let number):
      if number.isFinite { return number }
      error(key, "is not finite", remedy)
    case .text(let text):
      if let number = decimal(text) { return number }
      error(
        key,
        "is \(quoted(text)), which is \(text.hasSuffix("%") ? "a percentage" : "no number")",
        remedy
      )
    default:
      error(key, "must be a number, not \(node.kind)", remedy)
    }
    return nil
  }

  /// A number above 0.
  func positiveNumber(_ key: some RawRepresentable<String>) -> Double? {
    guard let number = number(key) else { return nil }
    if number > 0 { return number }
    error(key, "is not above 0", "give a number above 0")
    return nil
  }
}

/// What a text means whose unit is one of time or of bytes.
enum DurationOrSize {
  /// Microseconds.
  case duration(Int64)
  /// Bytes.
  case size(Int)
}

/// A finite number in decimal digits; nil for anything else that a `Double` can be written as.
func decimal(_ text: String) -> Double? {
  let isPlain = text.utf8.allSatisfy { byte in
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
      || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+")].contains(byte)
      || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")
  }
  guard isPlain, let number = Double(text), number.isFinite else { return nil }
  return number
}
