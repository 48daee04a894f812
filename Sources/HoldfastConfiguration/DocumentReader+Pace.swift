import HoldfastEvent
import HoldfastUpstream

// How fast an upstream may send, before whom, and at what hours.

extension DocumentReader {
  private static let priorities = 0...9

  func readPace(_ table: TableReader, into upstream: inout UpstreamConfiguration) {
    if table.has(UpstreamKey.exceptTopics) {
      upstream.exceptTopics = readFilters(table, UpstreamKey.exceptTopics) ?? []
    }
    if let bits = table.rate(
      UpstreamKey.budget,
      in: ByteBudget.rates.lowerBound * 8...ByteBudget.rates.upperBound * 8
    ) {
      upstream.budgetByteCount = bits / 8
    }
    upstream.budgetOwner = table.text(UpstreamKey.budgetOf)
    if upstream.budgetOwner != nil && table.has(UpstreamKey.budget) {
      table.error(
        UpstreamKey.budgetOf,
        "stands beside a budget of its own",
        "remove one of the two"
      )
    }
    upstream.priority =
      table.integer(UpstreamKey.priority, in: Self.priorities) ?? upstream.priority
    upstream.schedule.anything = readWindows(table, UpstreamKey.schedule)
    upstream.order = table.choice(UpstreamKey.order, of: CatchUpOrder.self) ?? upstream.order
    upstream.schedule.backlog = readWindows(table, UpstreamKey.backlogSchedule)
    if table.has(UpstreamKey.backlogSchedule) && upstream.order == .oldestFirst {
      table.error(
        UpstreamKey.backlogSchedule,
        "is for order = \"live-first\": otherwise all waits behind the backlog",
        "set order = \"live-first\", or use schedule"
      )
    }
  }

  /// Where the log is divided each stage begins anew, which one that holds back events can't.
  func checkOrder(_ table: TableReader, _ upstream: UpstreamConfiguration) {
    guard upstream.order == .liveFirst, !upstream.canBeDivided else { return }
    table.error(
      UpstreamKey.order,
      "is \"live-first\", which can't be with swinging-door, window, downsample, burst, or throttle"
        + " with send = \"last\": they hold back events, or sums of them",
      "set order = \"oldest-first\""
    )
  }

  /// A list of daily windows such as `22:00-06:00`; empty where there is none, or it is wrong.
  func readWindows(
    _ table: TableReader,
    _ key: some RawRepresentable<String>
  ) -> [DailyWindow] {
    guard let texts = table.texts(key, example: "[\"22:00-06:00\"]") else { return [] }
    let most = SendSchedule.windowCountMax
    guard (1...most).contains(texts.count) else {
      table.error(key, "holds \(texts.count) windows", "give 1 to \(most) of them")
      return []
    }
    var windows: [DailyWindow] = []
    for (text, line) in texts {
      if let window = Self.window(text) {
        windows.append(window)
        continue
      }
      problems.error(
        key.rawValue,
        line: line,
        "window \(quoted(text)) of \(table.title) is no part of a day",
        "write \"HH:MM-HH:MM\" by local time, such as \"22:00-06:00\""
      )
    }
    return windows
  }

  private static func window(_ text: String) -> DailyWindow? {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let from = minute(ends[0]), let to = minute(ends[1]) else { return nil }
    return DailyWindow(from: from, to: to == 0 ? DailyWindow.minutesPerDay : to)
  }

  /// `HH:MM`, up to 24:00.
  private static func minute(_ text: Substring) -> Int? {
    let bytes = Array(text.utf8)
    let digits = [0, 1, 3, 4]
    guard bytes.count == 5, bytes[2] == UInt8(ascii: ":"),
      digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[$0]) })
    else { return nil }
    let values = digits.map { Int(bytes[$0]) - 48 }
    let (hour, minute) = (values[0] * 10 + values[1], values[2] * 10 + values[3])
    guard minute < 60, hour * 60 + minute <= DailyWindow.minutesPerDay else { return nil }
    return hour * 60 + minute
  }
}
