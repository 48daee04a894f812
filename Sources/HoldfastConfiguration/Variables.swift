/// `${NAME}` in texts of the configuration, replaced after parsing: what a variable holds can become
/// part of a text, never a key, a number or a table.
///
///     ${NAME}            its value; an error where it is not set
///     ${NAME:-default}   its value, or `default` where it is not set or empty
///     ${NAME:?message}   its value; an error with `message` where it is not set or empty
///     $${                the two characters `${`
///
/// `default` and `message` go up to the next `}` and are taken as they stand. Any other `$` is itself.
struct Variables {
  /// Longest text, in bytes, that may come of it.
  static let textByteCountMax = 64 << 10

  private static let opening = Array("${".utf8)
  private static let escape = Array("$${".utf8)

  let values: [String: String]
  let problems: ProblemList

  /// The same tree with every text filled in; keys stay as they are.
  func filled(_ node: ConfigurationNode, key: String = "") -> ConfigurationNode {
    var node = node
    switch node.value {
    case .table(let entries):
      var filledEntries: [String: ConfigurationNode] = [:]
      for (name, entry) in entries.sorted(by: { $0.key < $1.key }) {
        filledEntries[name] = filled(entry, key: name)
      }
      node.value = .table(filledEntries)
    case .array(let elements):
      node.value = .array(elements.map { filled($0, key: key) })
    case .text(let text):
      let value = filled(text, key: key, line: node.line)
      node.isFromVariable = value != text
      node.value = .text(value)
    case .integer, .fraction, .boolean, .time:
      break
    }
    return node
  }

  private func filled(_ text: String, key: String, line: FileLine) -> String {
    guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
    let bytes = Array(text.utf8)
    var filled: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index...].starts(with: Self.escape) {
        filled += Self.opening
        index += 3
      } else if bytes[index...].starts(with: Self.opening) {
        guard let end = bytes[index...].firstIndex(of: UInt8(ascii: "}")) else {
          problems.settle(
            key,
            line: line,
            "\(shownKey(key)) has ${ without }",
            "write ${NAME}, or $${ for the characters themselves"
          )
          return text
        }
        let inner = String(decoding: bytes[index + 2..<end], as: UTF8.self)
        guard let value = value(of: inner, key: key, line: line) else { return text }
        filled += Array(value.utf8)
        index = end + 1
      } else {
        filled.append(bytes[index])
        index += 1
      }
      guard filled.count <= Self.textByteCountMax else {
        problems.settle(
          key,
          line: line,
          "\(shownKey(key)) is above 64KiB with its variables filled in",
          "use a shorter value, or a file"
        )
        return text
      }
    }
    return String(decoding: filled, as: UTF8.self)
  }

  /// What stands for `${inner}`; nil where that is an error, which is told.
  private func value(of inner: String, key: String, line: FileLine) -> String? {
    let name = inner.prefix { isNameCharacter($0) }
    let rest = inner.dropFirst(name.count)
    let isName = name.first.map { !$0.isNumber } ?? false
    guard isName, rest.isEmpty || rest.hasPrefix(":-") || rest.hasPrefix(":?") else {
      problems.settle(
        key,
        line: line,
        "\(shownKey(key)) has \(quoted("${\(inner)}"))",
        "write ${NAME}, ${NAME:-default}, ${NAME:?message}, or $${ for the characters themselves"
      )
      return nil
    }
    let value = values[String(name)]
    if let value, rest.isEmpty || !value.isEmpty { return value }
    let words = String(rest.dropFirst(2))
    if rest.hasPrefix(":-") { return words }
    let isEmpty = value != nil
    let message = words.isEmpty ? "" : ": \(shown(words, atMost: 200))"
    problems.settle(
      key,
      line: line,
      "\(shownKey(key)) needs the variable \(quoted(String(name))), which is "
        + (isEmpty ? "empty" : "not set") + message,
      "set it, or write ${\(shown(String(name), atMost: 60)):-default}"
    )
    return nil
  }

  private func isNameCharacter(_ character: Character) -> Bool {
    character.isASCII && (character.isLetter || character.isNumber || character == "_")
  }

  private func shownKey(_ key: String) -> String { shown(key, atMost: 60) }
}
