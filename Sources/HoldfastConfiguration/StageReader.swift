import HoldfastEvent
import HoldfastPayload
import HoldfastStage

/// Reads what belongs to a stage's type.
///
/// Every key is read before a missing one ends it, so that all that is wrong is told at once.
struct StageReader {
  let table: TableReader
  let type: StageType
  let topics: [TopicFilter]

  /// Nil if something that it needs is missing or wrong.
  func kind() -> StageConfiguration.Kind? {
    switch type {
    case .drop: (dropsAll ? try? Condition(Self.always) : condition(.when)).map { .drop($0) }
    case .keep: condition(.when).map { .keep($0) }
    case .map: map().map { .map($0) }
    case .changed: .changed(changed())
    case .deadband: deadband().map { .deadband($0) }
    case .swingingDoor: swingingDoor().map { .swingingDoor($0) }
    case .throttle: throttle().map { .throttle($0) }
    case .sample: needed(.every, inCount(StageBound.samples)).map { .sample(.init(every: $0)) }
    case .dedupe: dedupe().map { .dedupe($0) }
    case .window: window().map { .window($0) }
    case .downsample: downsample().map { .downsample($0) }
    case .alarm: alarm().map { .alarm($0) }
    case .burst: burst().map { .burst($0) }
    }
  }

  /// A condition that holds for every event: what `drop` takes for its topics' sake only.
  static let always = "size >= 0"

  private var dropsAll: Bool { !table.has(StageKey.when) && table.has(StageKey.topics) }

  // MARK: values

  /// A value that must be there.
  func needed<Value>(_ key: StageKey, _ read: (StageKey) -> Value?) -> Value? {
    table.require(key, example: key.example) ? read(key) : nil
  }

  func inCount(_ range: ClosedRange<Int>) -> (StageKey) -> UInt64? {
    { key in table.integer(key, in: range).map { UInt64($0) } }
  }

  func inTime(_ range: ClosedRange<Int64>) -> (StageKey) -> Int64? {
    { key in table.duration(key, in: range) }
  }

  func condition(_ key: StageKey) -> Condition? {
    needed(key) { key in
      guard let text = table.text(key) else { return nil }
      do throws(TextFault) {
        return try Condition(text)
      } catch {
        report(error, in: text, of: key, table, line: table.line(of: key), "correct it")
        return nil
      }
    }
  }

  func neededField() -> FieldPath? { needed(.field, field) }

  private func field(_ key: StageKey) -> FieldPath? {
    table.text(key).flatMap { path($0, of: key, in: table, line: table.line(of: key)) }
  }

  /// A field's path; what is wrong with it is told with the column within it.
  func path(
    _ text: String,
    of key: some RawRepresentable<String>,
    in table: TableReader,
    line: FileLine
  ) -> FieldPath? {
    do throws(TextFault) {
      return try FieldPath(text)
    } catch {
      report(error, in: text, of: key, table, line: line, "correct the path")
      return nil
    }
  }

  private func report(
    _ fault: TextFault,
    in text: String,
    of key: some RawRepresentable<String>,
    _ table: TableReader,
    line: FileLine,
    _ remedy: String
  ) {
    table.problems.error(
      key.rawValue,
      line: line,
      "\(key.rawValue) of \(table.title), \(quoted(text)), column \(fault.column): "
        + shown(fault.message, atMost: 200),
      remedy
    )
  }

  /// The paths of an array; nil if absent or if one is wrong.
  func readFields(_ key: StageKey) -> [FieldPath]? {
    guard let texts = table.texts(key, example: "[\"temperature\"]") else { return nil }
    // What holds no strings has been told already.
    let isEmpty = texts.isEmpty && isEmptyArray(key)
    guard !isEmpty && texts.count <= StageBound.fieldCountMax else {
      table.error(
        key,
        "holds \(texts.count) paths",
        "give 1 to \(StageBound.fieldCountMax) of them"
      )
      return nil
    }
    var paths: [FieldPath] = []
    var isRight = !texts.isEmpty
    for (text, line) in texts {
      guard let path = path(text, of: key, in: table, line: line) else {
        isRight = false
        continue
      }
      if paths.contains(path) {
        isRight = false
        table.problems.error(
          key.rawValue,
          line: line,
          "path \(quoted(text)) of \(key.rawValue) of \(table.title) stands twice",
          "remove one of them"
        )
      }
      paths.append(path)
    }
    return isRight ? paths : nil
  }

  func isEmptyArray(_ key: StageKey) -> Bool {
    if case .array(let elements)? = table.entries[key.rawValue]?.value {
      elements.isEmpty
    } else {
      false
    }
  }
}
