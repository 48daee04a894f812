internal import HoldfastEvent
internal import HoldfastPayload

/// `drop` and `keep`: lets go on what a condition does not hold for, or only what it holds for.
struct ConditionStage: StageKind {
  private let condition: Condition
  private let keeps: Bool
  private var scanner: FieldScanner

  /// Made of the condition and whether it says what stays.
  init(_ condition: Condition, keeps: Bool) {
    self.condition = condition
    self.keeps = keeps
    scanner = FieldScanner(paths: condition.paths)
  }

  mutating func step(_ event: StageEvent, _ pass: inout StagePass) {
    if scanner.pathCount > 0 && !pass.read(event, &scanner) {
      pass.setAside(event)
      return
    }
    if condition.holds(for: event, in: pass) == keeps { pass.emit(event) }
  }
}
