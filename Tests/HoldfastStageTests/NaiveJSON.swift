/// A JSON value as a tree, read the plain way: an oracle for what edits bytes.
indirect enum NaiveJSON: Equatable {
  /// Numbers, words and texts as they are written.
  case scalar(String)
  case array([NaiveJSON])
  case object([Member])

  struct Member: Equatable {
    var key: String
    var value: NaiveJSON
  }

  /// Nil where the text is not valid JSON.
  init?(_ text: String) {
    var rest = Substring(text)
    guard let value = Self.value(&rest), rest.allSatisfy({ " \n\t\r".contains($0) }) else {
      return nil
    }
    self = value
  }

  private static func skip(_ rest: inout Substring) {
    rest = rest.drop { " \n\t\r".contains($0) }
  }

  private static func take(_ rest: inout Substring, _ prefix: String) -> Bool {
    skip(&rest)
    guard rest.hasPrefix(prefix) else { return false }
    rest = rest.dropFirst(prefix.count)
    return true
  }

  private static func value(_ rest: inout Substring) -> NaiveJSON? {
    if take(&rest, "{") {
      var members: [Member] = []
      if take(&rest, "}") { return .object([]) }
      repeat {
        skip(&rest)
        guard case .scalar(let key)? = text(&rest), take(&rest, ":"), let value = value(&rest)
        else { return nil }
        members.append(Member(key: String(key.dropFirst().dropLast()), value: value))
      } while take(&rest, ",")
      return take(&rest, "}") ? .object(members) : nil
    }
    if take(&rest, "[") {
      var elements: [NaiveJSON] = []
      if take(&rest, "]") { return .array([]) }
      repeat {
        guard let value = value(&rest) else { return nil }
        elements.append(value)
      } while take(&rest, ",")
      return take(&rest, "]") ? .array(elements) : nil
    }
    skip(&rest)
    if rest.first == "\"" { return text(&rest) }
    let word = String(rest.prefix { !" \n\t\r,]}".contains($0) })
    rest = rest.dropFirst(word.count)
    let number = /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/
    guard ["true", "false", "null"].contains(word) || word.wholeMatch(of: number) != nil else {
      return nil
    }
    return .scalar(word)
  }

  private static func text(_ rest: inout Substring) -> NaiveJSON? {
    let pattern = /"([^"\\\x00-\x1f]|\\["\\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/
    guard let match = rest.prefixMatch(of: pattern) else { return nil }
    rest = rest[match.range.upperBound...]
    return .scalar(String(match.output.0))
  }

  /// Without white space, everything else as it was written.
  var text: String {
    switch self {
    case .scalar(let text): text
    case .array(let elements): "[\(elements.map(\.text).joined(separator: ","))]"
    case .object(let members):
      "{\(members.map { "\"\($0.key)\":\($0.value.text)" }.joined(separator: ","))}"
    }
  }

  /// Changes what lies at a path of keys and indices; nil takes it away.
  ///
  /// False where nothing lies.
  @discardableResult
  mutating func change(_ path: ArraySlice<String>, _ change: (NaiveJSON) -> NaiveJSON?) -> Bool {
    guard let step = path.first else { return false }
    let isLast = path.count == 1
    switch self {
    case .scalar: return false
    case .array(var elements):
      guard let index = Int(step), elements.indices.contains(index) else { return false }
      var isFound = true
      if !isLast {
        isFound = elements[index].change(path.dropFirst(), change)
      } else if let new = change(elements[index]) {
        elements[index] = new
      } else {
        elements.remove(at: index)
      }
      self = .array(elements)
      return isFound
    case .object(var members):
      guard let index = members.firstIndex(where: { $0.key == step }) else { return false }
      var isFound = true
      if !isLast {
        isFound = members[index].value.change(path.dropFirst(), change)
      } else if let new = change(members[index].value) {
        members[index].value = new
      } else {
        members.remove(at: index)
      }
      self = .object(members)
      return isFound
    }
  }

  /// What stays when only some paths are kept; nil: nothing.
  func keeping(_ paths: [ArraySlice<String>]) -> NaiveJSON? {
    if paths.contains(where: \.isEmpty) { return self }
    func inner(_ step: String) -> [ArraySlice<String>] {
      paths.filter { $0.first == step }.map { $0.dropFirst() }
    }
    switch self {
    case .scalar: return nil
    case .array(let elements):
      let kept = elements.enumerated().compactMap { $1.keeping(inner("\($0)")) }
      return kept.isEmpty ? nil : .array(kept)
    case .object(let members):
      let kept = members.compactMap { member in
        member.value.keeping(inner(member.key)).map { Member(key: member.key, value: $0) }
      }
      return kept.isEmpty ? nil : .object(kept)
    }
  }
}
