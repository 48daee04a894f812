/// What `holdfast top` shows, as text: a pure function of what the agent said and of the terminal's
/// size.
struct TopScreen {
  /// What the topics are sorted by.
  enum Order: String, CaseIterable {
    case rate, bytes, drops, silence

    /// The key that chooses it.
    var key: Character { self == .rate ? "r" : self == .bytes ? "b" : self == .drops ? "d" : "s" }
  }

  /// One topic.
  struct Row: Equatable {
    var topic = ""
    var eventRate = 0.0
    var payloadByteRate = 0.0
    var droppedCount: UInt64 = 0
    var eventCount: UInt64 = 0
    var silenceSeconds: UInt64 = 0
  }

  /// The first lines of `/status.txt`.
  var head: [String] = []
  var rows: [Row] = []
  /// What is wrong at present; the rows are old then.
  var trouble: String?

  /// Takes the table of `/topics.tsv`; lines that are none of it are passed over.
  static func rows(of table: String) -> [Row] {
    table.split(separator: "\n").dropFirst().compactMap { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
      guard fields.count >= 7, let rate = Double(fields[1]), let bytes = Double(fields[2]) else {
        return nil
      }
      return Row(
        topic: String(fields[0]),
        eventRate: rate,
        payloadByteRate: bytes,
        droppedCount: UInt64(fields[3]) ?? 0,
        eventCount: UInt64(fields[4]) ?? 0,
        silenceSeconds: UInt64(fields[6]) ?? 0
      )
    }
  }

  static func sorted(_ rows: [Row], by order: Order) -> [Row] {
    rows.sorted { left, right in
      switch order {
      case .rate where left.eventRate != right.eventRate: left.eventRate > right.eventRate
      case .bytes where left.payloadByteRate != right.payloadByteRate:
        left.payloadByteRate > right.payloadByteRate
      case .drops where left.droppedCount != right.droppedCount:
        left.droppedCount > right.droppedCount
      case .silence where left.silenceSeconds != right.silenceSeconds:
        left.silenceSeconds > right.silenceSeconds
      default: left.topic < right.topic
      }
    }
  }

  /// Exactly `height` lines of at most `width` columns.
  func lines(width: Int, height: Int, order: Order) -> [String] {
    var lines = head.prefix(2).map { Self.cut($0, width) }
    while lines.count < 2 { lines.append("") }
    if let trouble { lines[1] = Self.cut(trouble, width) }
    lines.append("")
    let names = ["EVENTS/S", "BYTES/S", "DROPPED", "EVENTS", "SILENT"]
    let marks = ["rate", "bytes", "drops", "", "silence"]
    let titles = zip(names, marks).map { $1 == order.rawValue ? $0 + "*" : $0 }
    lines.append(Self.cut(titles.map { Self.right($0, 9) }.joined() + "  TOPIC", width))
    for row in Self.sorted(rows, by: order).prefix(max(0, height - 5)) {
      let cells = [
        Self.number(row.eventRate), Self.number(row.payloadByteRate), Self.count(row.droppedCount),
        Self.count(row.eventCount), Self.time(row.silenceSeconds),
      ]
      lines.append(Self.cut(cells.map { Self.right($0, 9) }.joined() + "  " + row.topic, width))
    }
    while lines.count < height - 1 { lines.append("") }
    let keys = Order.allCases.map { "\($0.key) by \($0.rawValue)" }.joined(separator: "  ")
    return Array(lines.prefix(max(0, height - 1))) + [Self.cut("q quit  \(keys)", width)]
  }

  private static func cut(_ text: String, _ width: Int) -> String {
    text.count <= width ? text : String(text.prefix(max(0, width - 1))) + "…"
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }

  /// `0.25`, `12.5`, `1234`, `56k`, `7.8M`.
  static func number(_ value: Double) -> String {
    let number = max(0, min(value, 1e18))
    if number >= 99.95 { return count(UInt64(number.rounded())) }
    if number >= 1 { return fraction(number, digits: 1) }
    return number < 0.005 ? "0" : fraction(number, digits: 2)
  }

  /// `1234`, `56k`, `7.8M`.
  static func count(_ value: UInt64) -> String {
    if value < 10_000 { return "\(value)" }
    var (number, unit) = (Double(value), "")
    for larger in ["k", "M", "G", "T", "P"] where number >= 999.5 {
      number /= 1000
      unit = larger
    }
    return number < 9.95 ? fraction(number, digits: 1) + unit : "\(Int(number.rounded()))\(unit)"
  }

  private static func fraction(_ value: Double, digits: Int) -> String {
    let scale = digits == 1 ? 10 : 100
    let whole = Int((value * Double(scale)).rounded())
    let rest = String(whole % scale)
    return "\(whole / scale)." + String(repeating: "0", count: digits - rest.count) + rest
  }

  private static func time(_ seconds: UInt64) -> String {
    if seconds < 100 { return "\(seconds)s" }
    if seconds < 6000 { return "\(seconds / 60)m" }
    return seconds < 360_000 ? "\(seconds / 3600)h" : "\(seconds / 86_400)d"
  }
}
