internal import HoldfastEvent
internal import HoldfastPayload

/// One test of a ``Condition``: a subject and what is asked of it.
struct ConditionTest: Equatable, Sendable {
  enum Subject: Equatable, Sendable {
    /// Place in the condition's paths.
    case field(Int)
    case topic, retained, historical, qos, size
  }

  enum Literal: Equatable, Sendable {
    case number(Double)
    case text([UInt8])
    case boolean(Bool)
    case null
  }

  enum Comparison: Equatable, Sendable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual

    func holds<Value: Comparable>(_ left: Value, _ right: Value) -> Bool {
      switch self {
      case .equal: left == right
      case .notEqual: left != right
      case .less: left < right
      case .lessOrEqual: left <= right
      case .greater: left > right
      case .greaterOrEqual: left >= right
      }
    }
  }

  enum Check: Equatable, Sendable {
    case compare(Comparison, Literal)
    case oneOf([Literal])
    case exists
    case filter(TopicFilter)
    case glob([UInt8])
  }

  var subject: Subject
  var check: Check

  func holds(for event: StageEvent, in pass: StagePass) -> Bool {
    switch check {
    case .compare(let comparison, let literal): compare(comparison, literal, event, pass)
    case .oneOf(let literals): isOne(of: literals, event, pass)
    case .exists: field(pass).kind != .missing
    case .filter(let filter): filter.matches(pass.topic(event))
    case .glob(let pattern): matches(pattern, event, pass)
    }
  }

  private func isOne(of literals: [Literal], _ event: StageEvent, _ pass: StagePass) -> Bool {
    for literal in literals where compare(.equal, literal, event, pass) { return true }
    return false
  }

  private func compare(
    _ comparison: Comparison,
    _ literal: Literal,
    _ event: StageEvent,
    _ pass: StagePass
  ) -> Bool {
    switch literal {
    case .number(let number):
      guard let value = self.number(event, pass) else { break }
      return comparison.holds(value, number)
    case .text(let text):
      guard let order = order(to: text, event, pass) else { break }
      return comparison.holds(order, 0)
    case .boolean(let boolean):
      guard let value = self.boolean(event, pass) else { break }
      return (value == boolean) == (comparison == .equal)
    case .null:
      return (field(pass).kind == .null) == (comparison == .equal)
    }
    return comparison == .notEqual
  }

  private func field(_ pass: StagePass) -> Field {
    guard case .field(let place) = subject, place < pass.fields.count else { return .missing }
    return pass.fields[place]
  }

  private func number(_ event: StageEvent, _ pass: StagePass) -> Double? {
    switch subject {
    case .field: pass.number(field(pass), of: event)
    case .qos: event.row.flags.contains(.qos1) ? 1 : 0
    case .size: Double(event.row.payloadByteCount)
    case .topic, .retained, .historical: nil
    }
  }

  private func boolean(_ event: StageEvent, _ pass: StagePass) -> Bool? {
    if subject == .retained { return event.row.flags.contains(.retained) }
    if subject == .historical { return pass.isHistorical(event) }
    let field = field(pass)
    return field.kind == .boolean ? field.number != 0 : nil
  }

  /// Below, at or above 0 as the subject's text stands before, at or behind `text`.
  private func order(to text: [UInt8], _ event: StageEvent, _ pass: StagePass) -> Int? {
    guard var characters = self.text(event, pass) else { return nil }
    for byte in text {
      guard let other = characters.next() else { return -1 }
      if other != byte { return other < byte ? -1 : 1 }
    }
    return characters.next() == nil ? 0 : 1
  }

  private func text(_ event: StageEvent, _ pass: StagePass) -> TextBytes? {
    if subject == .topic { return TextBytes(pass.topic(event), hasEscapes: false) }
    let field = field(pass)
    guard field.kind == .text else { return nil }
    if field.hasEscapes && pass.format(of: event) == .line {
      return TextBytes(pass.lineText(field, of: event)[...], hasEscapes: false)
    }
    return TextBytes(pass.bytes(of: field, in: event), hasEscapes: field.hasEscapes)
  }

  /// Goes back to the last `*` only, which is enough: an earlier one could take nothing else.
  private func matches(_ pattern: [UInt8], _ event: StageEvent, _ pass: StagePass) -> Bool {
    guard var text = text(event, pass) else { return false }
    var place = 0
    var retry: (place: Int, text: TextBytes)?
    while true {
      if place < pattern.count && pattern[place] == UInt8(ascii: "*") {
        place += 1
        retry = (place, text)
        continue
      }
      let before = text
      let byte = text.next()
      if byte == nil && place == pattern.count { return true }
      if let byte, place < pattern.count {
        if pattern[place] == UInt8(ascii: "?") {
          text = before
          text.skipCharacter()
          place += 1
          continue
        }
        if pattern[place] == byte {
          place += 1
          continue
        }
      }
      guard var next = retry else { return false }
      // The star takes one character more; at the text's end it can't.
      if next.text.isAtEnd { return false }
      next.text.skipCharacter()
      retry = next
      (place, text) = next
    }
  }
}

extension StagePass {
  /// How an event's payload is read; nil: not at all.
  func format(of event: StageEvent) -> PayloadFormat? {
    if event.result != nil { return .json }
    return decoder.format(of: topic(event), source: event.row.source)
  }

  /// A text of line protocol, whose escapes are others than those of JSON.
  fileprivate func lineText(_ field: Field, of event: StageEvent) -> [UInt8] {
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe characters(
        of: field,
        in: UnsafeRawBufferPointer(rebasing: bytes[event.row.payloadRange]),
        as: .line
      )
    }
  }

  /// A field's value as a number, see `numericValue(of:in:texts:)`.
  func number(_ field: Field, of event: StageEvent) -> Double? {
    let texts =
      field.kind == .text && event.result == nil
      ? decoder.texts(of: topic(event), source: event.row.source) : .plain
    return unsafe bytes.withUnsafeBytes { bytes in
      unsafe numericValue(
        of: field,
        in: UnsafeRawBufferPointer(rebasing: bytes[event.row.payloadRange]),
        texts: texts
      )
    }
  }
}
