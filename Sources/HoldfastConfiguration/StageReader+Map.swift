import HoldfastPayload
import HoldfastStage

/// The type that changes events.
extension StageReader {
  func map() -> MapSettings? {
    var settings = MapSettings()
    settings.select = readMembers(.select)
    settings.remove = readMembers(.remove)
    settings.rename = renames()
    settings.compute = computations()
    settings.add = additions()
    settings.topic = readTopic()
    let keys: [StageKey] = [.select, .remove, .rename, .compute, .add, .topic]
    guard keys.contains(where: table.has) else {
      table.problems.error(
        StageKey.type.rawValue,
        line: table.line(of: StageKey.type),
        "\(table.title) changes nothing",
        "give at least one of \(keys.map(\.rawValue).joined(separator: ", "))"
      )
      return nil
    }
    return settings
  }

  /// Paths of an array that lead into the payload.
  private func readMembers(_ key: StageKey) -> [FieldPath] {
    let paths = readFields(key) ?? []
    if paths.contains(.whole) {
      table.error(key, "holds \"\", the whole payload", "name fields within it")
    }
    return paths
  }

  /// A table's entries as they stand in the file; of one line by name, since TOML has no order.
  private func entries(_ key: StageKey, example: String) -> [(name: String, ConfigurationNode)] {
    guard let node = table.entries[key.rawValue] else { return [] }
    guard case .table(let entries) = node.value else {
      table.error(key, "must be a table, not \(node.kind)", "write \(key.rawValue) = \(example)")
      return []
    }
    guard (1...StageBound.fieldCountMax).contains(entries.count) else {
      table.error(
        key,
        "holds \(entries.count) entries",
        "give 1 to \(StageBound.fieldCountMax) of them"
      )
      return []
    }
    return entries.map { (name: $0.key, $0.value) }
      .sorted { ($0.1.line, $0.name) < ($1.1.line, $1.name) }
  }

  // MARK: rename

  private func renames() -> [MapSettings.Rename] {
    entries(.rename, example: "{ temp = \"temperature\" }").compactMap { name, node in
      let field = path(name, of: StageKey.rename, in: table, line: node.line)
      guard case .text(let text) = node.value else {
        tell(.rename, node, name, "must be a string, not \(node.kind)", "give the new name")
        return nil
      }
      guard isName(text, .rename, node, name), let field else { return nil }
      guard case .key? = field.steps.last else {
        let what = field == .whole ? "the whole payload" : "an element of an array"
        tell(.rename, node, name, "is \(what), which has no name", "name a field of an object")
        return nil
      }
      return MapSettings.Rename(field: field, name: text)
    }
  }

  /// Whether a text is a single name, which stays in its object.
  private func isName(
    _ text: String,
    _ key: StageKey,
    _ node: ConfigurationNode,
    _ entry: String
  ) -> Bool {
    if text.contains(where: { ".[]\"".contains($0) }) {
      tell(key, node, entry, "has the name \(quoted(text)), a path", "give a name alone")
      return false
    }
    let isFitting =
      (1...StageBound.nameByteCountMax).contains(text.utf8.count)
      && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
    if !isFitting {
      tell(
        key,
        node,
        entry,
        "has the name \(quoted(text))",
        "give 1 to \(StageBound.nameByteCountMax) bytes without control characters"
      )
    }
    return isFitting
  }

  private func tell(
    _ key: StageKey,
    _ node: ConfigurationNode,
    _ entry: String,
    _ what: String,
    _ remedy: String
  ) {
    table.problems.error(
      key.rawValue,
      line: node.line,
      "\(quoted(entry)) in \(key.rawValue) of \(table.title) \(what)",
      remedy
    )
  }

  // MARK: add

  private func additions() -> [MapSettings.Addition] {
    entries(.add, example: "{ site = \"north-{1}\" }").compactMap { name, node in
      guard isName(name, .add, node, name) else { return nil }
      switch node.value {
      case .text(let text):
        guard text.utf8.count <= StageBound.valueByteCountMax else {
          tell(
            .add,
            node,
            name,
            "is too long",
            "give \(StageBound.valueByteCountMax) bytes at most"
          )
          return nil
        }
        guard isFilled(text, of: StageKey.add.rawValue, line: node.line, others: ["topic"]) else {
          return nil
        }
        return MapSettings.Addition(name: name, value: text, isText: true)
      case .integer(let number):
        return MapSettings.Addition(name: name, value: String(number), isText: false)
      case .fraction(let number) where number.isFinite:
        return MapSettings.Addition(name: name, value: String(number), isText: false)
      case .boolean(let value):
        return MapSettings.Addition(name: name, value: String(value), isText: false)
      default:
        tell(.add, node, name, "is no JSON value", "give a string, a finite number, true or false")
        return nil
      }
    }
  }

  // MARK: compute

  private func computations() -> [MapSettings.Compute] {
    let tables = table.tables(StageKey.compute.rawValue, header: "[[upstream.stage.compute]]")
    if tables.count > StageBound.fieldCountMax {
      table.error(
        StageKey.compute,
        "stands \(tables.count) times",
        "give at most \(StageBound.fieldCountMax)"
      )
    }
    return tables.enumerated().compactMap { index, table in
      var table = table
      table.title = "compute \(index + 1) of \(self.table.title)"
      return computation(table)
    }
  }

  private func computation(_ table: TableReader) -> MapSettings.Compute? {
    table.rejectUnknownKeys(except: ConfigurationKeys.names(of: ComputeKey.self))
    let field =
      table.require(ComputeKey.field, example: StageKey.field.example)
      ? table.text(ComputeKey.field).flatMap {
        path($0, of: ComputeKey.field, in: table, line: table.line(of: ComputeKey.field))
      } : nil
    let scale = table.number(ComputeKey.scale)
    if scale == 0 {
      table.error(ComputeKey.scale, "is 0, which makes all values equal", "give another number")
    }
    let offset = table.number(ComputeKey.offset)
    let (min, max) = (table.number(ComputeKey.min), table.number(ComputeKey.max))
    if let min, let max, min > max {
      table.error(ComputeKey.max, "is below min", "exchange the two")
    }
    let digitCount = table.integer(ComputeKey.round, in: StageBound.roundDigitCounts)
    let keys: [ComputeKey] = [.scale, .offset, .min, .max, .round]
    guard keys.contains(where: table.has) else {
      table.problems.error(
        ComputeKey.field.rawValue,
        line: table.line,
        "\(table.title) computes nothing",
        "give at least one of \(keys.map(\.rawValue).joined(separator: ", "))"
      )
      return nil
    }
    guard let field else { return nil }
    var compute = MapSettings.Compute(field: field)
    compute.scale = scale ?? compute.scale
    compute.offset = offset ?? compute.offset
    compute.min = min
    compute.max = max
    compute.roundDigitCount = digitCount
    return compute
  }
}
