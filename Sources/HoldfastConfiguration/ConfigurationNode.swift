import TOMLKit

/// A value of the configuration with the line it stands on.
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
  var line: FileLine
  /// A text that came of `${NAME}`, so that it doesn't stand in the file.
  var isFromVariable = false

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
  ///
  /// - Parameters:
  ///   - table: a whole file.
  ///   - file: which one, see ``FileLine``.
  ///   - positions: the lines of its keys.
  init(_ table: TOMLTable, of file: Int, positions: KeyPositions) {
    self.init(table, at: [], Origin(file: file, positions: positions))
  }

  /// Where values come from.
  private struct Origin {
    var file: Int
    var positions: KeyPositions

    func line(of path: [PathStep]) -> FileLine {
      FileLine(file: file, number: positions.line(of: path))
    }
  }

  private init(_ table: TOMLTable, at path: [PathStep], _ origin: Origin) {
    var entries: [String: ConfigurationNode] = [:]
    for key in table.keys {
      guard let value = table[key] else { continue }
      entries[key] = ConfigurationNode(value, at: path + [.key(key)], origin)
    }
    self.init(value: .table(entries), line: origin.line(of: path))
  }

  private init(_ value: any TOMLValueConvertible, at path: [PathStep], _ origin: Origin) {
    let line = origin.line(of: path)
    // What lies deeper than any key of ours is reported by its parent's name.
    guard path.count <= KeyPositions.depthMax else {
      self.init(value: .table([:]), line: line)
      return
    }
    switch value.type {
    case .table:
      self.init(value.table ?? TOMLTable(), at: path, origin)
    case .array:
      let elements = value.array ?? TOMLArray()
      self.init(
        value: .array(
          elements.enumerated().map { index, element in
            ConfigurationNode(element, at: path + [.index(index)], origin)
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
