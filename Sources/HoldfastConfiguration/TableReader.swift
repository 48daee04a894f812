/// Reads the keys of one table by name and type; what is wrong goes to the problem list.
///
/// Every reading function returns nil both for an absent key and for a wrong value, so that the
/// caller's default stays in place and reading goes on to the next key.
struct TableReader {
  let entries: [String: ConfigurationNode]
  /// Where the table begins.
  let line: FileLine
  /// How messages call it: `[ring]`, `[[source]] "floor"`.
  var title: String
  let problems: ProblemList

  func has(_ key: some RawRepresentable<String>) -> Bool { entries[key.rawValue] != nil }

  /// The line of `key`; where it is absent, that of the table.
  func line(of key: some RawRepresentable<String>) -> FileLine {
    entries[key.rawValue]?.line ?? line
  }

  func error(_ key: some RawRepresentable<String>, _ what: String, _ remedy: String) {
    problems.error(
      key.rawValue,
      line: line(of: key),
      "\(key.rawValue) of \(title) \(what)",
      remedy
    )
  }

  func warn(_ key: some RawRepresentable<String>, _ what: String, _ remedy: String) {
    problems.warn(
      key.rawValue,
      line: line(of: key),
      "\(key.rawValue) of \(title) \(what)",
      remedy
    )
  }

  /// Reports a key that must be there and isn't; true if it is there.
  func require(_ key: some RawRepresentable<String>, example: String) -> Bool {
    if has(key) { return true }
    problems.error(
      key.rawValue,
      line: line,
      "\(title) has no \(key.rawValue)",
      "add \(key.rawValue) = \(example)"
    )
    return false
  }

  /// Reports every key that isn't among `known`, with the nearest one that is.
  ///
  /// - Parameters:
  ///   - known: what is not reported here.
  ///   - offered: what the nearest is looked for in; nil: `known`.
  func rejectUnknownKeys(except known: [String], nearestOf offered: [String]? = nil) {
    for (key, node) in entries.sorted(by: { $0.key < $1.key }) where !known.contains(key) {
      let similar = nearest(to: key, among: offered ?? known)
      let sections = ConfigurationKeys.sections + ConfigurationKeys.nested
      let home = sections.first { $0.keys.contains(key) }
      let move = similar == nil ? home.map { "move it to \($0.title)" } : nil
      problems.error(
        key,
        line: node.line,
        "unknown key \(quoted(key)) in \(title)",
        hints[key] ?? move ?? "remove or correct it",
        nearest: similar
      )
    }
  }

  // MARK: types

  func text(_ key: some RawRepresentable<String>) -> String? {
    guard let node = entries[key.rawValue] else { return nil }
    guard case .text(let text) = node.value else {
      error(key, "must be a string, not \(node.kind)", "write \(key.rawValue) = \"…\"")
      return nil
    }
    return text
  }

  func integer(_ key: some RawRepresentable<String>, in range: ClosedRange<Int>) -> Int? {
    guard let node = entries[key.rawValue] else { return nil }
    guard case .integer(let number) = node.value else {
      error(
        key,
        "must be a whole number, not \(node.kind)",
        "write a number from \(range.lowerBound) to \(range.upperBound), without quotes"
      )
      return nil
    }
    guard range.contains(number) else {
      error(
        key,
        "is \(number), outside its range",
        "give a number from \(range.lowerBound) to \(range.upperBound)"
      )
      return nil
    }
    return number
  }

  /// One of an enumeration's raw values.
  func choice<T: RawRepresentable<String> & CaseIterable>(
    _ key: some RawRepresentable<String>,
    of type: T.Type
  ) -> T? {
    guard let node = entries[key.rawValue] else { return nil }
    let words = T.allCases.map(\.rawValue)
    let remedy = "give one of \(words.map { "\"\($0)\"" }.joined(separator: ", "))"
    guard case .text(let text) = node.value else {
      error(key, "must be a string, not \(node.kind)", remedy)
      return nil
    }
    if let value = T(rawValue: text) { return value }
    problems.error(
      key.rawValue,
      line: line(of: key),
      "\(key.rawValue) of \(title) is \(quoted(text))",
      remedy,
      nearest: nearest(to: text, among: words)
    )
    return nil
  }

  /// A duration such as `"250ms"`, in microseconds.
  func duration(
    _ key: some RawRepresentable<String>,
    in range: ClosedRange<Int64>
  ) -> Int64? {
    guard let node = entries[key.rawValue] else { return nil }
    let example = formattedDuration(range.lowerBound)
    guard case .text(let text) = node.value else {
      error(
        key,
        "must be a duration, not \(node.kind)",
        "write it in quotes with its unit, such as \"\(example)\""
      )
      return nil
    }
    guard let value = quantity(key, text, units: Unit.durations, example: example) else {
      return nil
    }
    guard range.contains(value) else {
      error(
        key,
        "is \(quoted(text)), outside its range",
        "give \"\(example)\" to \"\(formattedDuration(range.upperBound))\""
      )
      return nil
    }
    return value
  }

  /// A size such as `"256MiB"`, or a plain number of bytes.
  func size(_ key: some RawRepresentable<String>, in range: ClosedRange<Int>) -> Int? {
    guard let node = entries[key.rawValue] else { return nil }
    let example = formattedSize(range.lowerBound)
    let value: Int
    let shown: String
    switch node.value {
    case .integer(let number):
      value = number
      shown = String(number)
    case .text(let text):
      guard let number = quantity(key, text, units: Unit.sizes, example: example) else {
        return nil
      }
      value = Int(clamping: number)
      shown = quoted(text)
    default:
      error(
        key,
        "must be a size, not \(node.kind)",
        "write it in quotes with its unit, such as \"\(example)\", or as a number of bytes"
      )
      return nil
    }
    guard range.contains(value) else {
      error(
        key,
        "is \(shown), outside its range",
        "give \"\(example)\" to \"\(formattedSize(range.upperBound))\""
      )
      return nil
    }
    return value
  }

  func quantity(
    _ key: some RawRepresentable<String>,
    _ text: String,
    units: [Unit],
    example: String
  ) -> Int64? {
    let names = units.map(\.name)
    let known = names.joined(separator: ", ")
    switch parseQuantity(text, units: units) {
    case .success(let value):
      return value
    case .failure(.noNumber):
      error(
        key,
        "is \(quoted(text)), which doesn't begin with a number",
        "write a number and a unit, such as \"\(example)\""
      )
    case .failure(.noUnit):
      error(key, "is \(quoted(text)), without a unit", "add one of \(known)")
    case .failure(.fraction):
      error(key, "is \(quoted(text)), with a fraction", "give a whole number of a smaller unit")
    case .failure(.unknownUnit(let name)):
      problems.error(
        key.rawValue,
        line: line(of: key),
        "\(key.rawValue) of \(title) has the unknown unit \(quoted(name))",
        "give one of \(known)",
        nearest: names.first { $0.lowercased() == name.lowercased() || $0 == name + "iB" }
      )
    case .failure(.tooLarge):
      error(key, "is \(quoted(text)), too large a number", "give a smaller one")
    }
    return nil
  }

  /// The strings of an array with their lines; nil if absent or not an array.
  func texts(
    _ key: some RawRepresentable<String>,
    example: String
  ) -> [(text: String, line: FileLine)]? {
    guard let node = entries[key.rawValue] else { return nil }
    guard case .array(let elements) = node.value else {
      error(key, "must be an array, not \(node.kind)", "write \(key.rawValue) = \(example)")
      return nil
    }
    var texts: [(text: String, line: FileLine)] = []
    for element in elements {
      if case .text(let text) = element.value {
        texts.append((text, element.line))
      } else {
        problems.error(
          key.rawValue,
          line: element.line,
          "\(key.rawValue) of \(title) must hold strings, not \(element.kind)",
          "write \(key.rawValue) = \(example)"
        )
      }
    }
    return texts
  }
}

/// What to do about keys that newcomers from other bridges try.
private let hints = [
  "qos": "remove it: QoS 1 is always used, the only level that loses nothing in a crash",
  "clean_session": "remove it: the session is always kept, see session_expiry",
  "clean_start": "remove it: the session is always kept, see session_expiry",
  "host": "write url = \"mqtt://HOST:PORT\"",
  "port": "write url = \"mqtt://HOST:PORT\"",
  "broker": "write url = \"mqtt://HOST:PORT\"",
  "server": "write url = \"mqtt://HOST:PORT\"",
  "user": "write username = \"…\"",
]
