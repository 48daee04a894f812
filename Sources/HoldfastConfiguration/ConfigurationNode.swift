import TOMLKit

/// A value of the file with the line it stands on.
struct ConfigurationNode {
  enum Value {
    case table([String: ConfigurationNode])
    case array([ConfigurationNode])
    case text(String)
    case integer(Int)
    case fraction(Double)
    case boolean(Bool)
    case time
  }

  var value: Value
  var line: Int

  /// What kind of value it is, for messages; never the value itself, which may be a secret.
  var kind: String {
    switch value {
    case .table: "a table"
    case .array: "an array"
    case .text: "a string"
    case .integer: "a whole number"
    case .fraction: "a number with a fraction"
    case .boolean: "true or false"
    case .time: "a date or time"
    }
  }
}

extension ConfigurationNode {
  /// Copies what the library read into values of ours, each with its line.
  ///
  /// The library's own values are views without a line; they are not used beyond this point.
  init(_ table: TOMLTable, at path: [PathStep] = [], positions: KeyPositions) {
    var entries: [String: ConfigurationNode] = [:]
    for key in table.keys {
      guard let value = table[key] else { continue }
      entries[key] = ConfigurationNode(value, at: path + [.key(key)], positions: positions)
    }
    self.init(value: .table(entries), line: positions.line(of: path))
  }

  private init(
    _ value: any TOMLValueConvertible,
    at path: [PathStep],
    positions: KeyPositions
  ) {
    let line = positions.line(of: path)
    // What lies deeper than any key of ours is reported by its parent's name.
    guard path.count <= KeyPositions.depthMax else {
      self.init(value: .table([:]), line: line)
      return
    }
    switch value.type {
    case .table:
      self.init(value.table ?? TOMLTable(), at: path, positions: positions)
    case .array:
      let elements = value.array ?? TOMLArray()
      self.init(
        value: .array(
          elements.enumerated().map { index, element in
            ConfigurationNode(element, at: path + [.index(index)], positions: positions)
          }
        ),
        line: line
      )
    case .string:
      self.init(value: .text(value.string ?? ""), line: line)
    case .int:
      self.init(value: .integer(value.int ?? 0), line: line)
    case .double:
      self.init(value: .fraction(value.double ?? 0), line: line)
    case .bool:
      self.init(value: .boolean(value.bool ?? false), line: line)
    case .date, .time, .dateTime:
      self.init(value: .time, line: line)
    }
  }
}
