internal import HoldfastAgent
internal import HoldfastEvent

/// Numbers, times and lists as people read them.
package enum Words {
  /// Which broker of a list a link uses; nil for its primary, or without a list.
  static func broker(_ link: AgentStatus.Link) -> String? {
    guard link.place > 0, link.brokerCount > 1 else { return nil }
    return "fallback \(link.place) of \(link.brokerCount - 1)"
  }

  /// `12,384`.
  static func count(_ value: UInt64) -> String {
    let digits = String(value)
    var text = ""
    for (place, digit) in digits.enumerated() {
      if place > 0 && (digits.count - place) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  /// `12.4 MiB`.
  static func bytes(_ value: UInt64) -> String {
    var number = Double(value)
    var unit = "B"
    for larger in ["KiB", "MiB", "GiB", "TiB", "PiB"] where number >= 1024 {
      number /= 1024
      unit = larger
    }
    return unit == "B" ? "\(value) B" : "\(decimal(number)) \(unit)"
  }

  /// One digit after the point below 100, none above; `1,234` in groups.
  static func decimal(_ value: Double) -> String {
    guard value.isFinite, value < 1e18 else { return "very many" }
    let magnitude = max(0, value)
    if magnitude >= 99.95 { return count(UInt64(magnitude.rounded())) }
    let tenths = UInt64((magnitude * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
  }

  /// `1,234/s`, `0.4/s`, `3/min`.
  static func rate(_ perSecond: Double) -> String {
    guard perSecond > 0 else { return "0/s" }
    if perSecond >= 0.95 { return "\(decimal(perSecond))/s" }
    if perSecond * 60 >= 0.95 { return "\(decimal(perSecond * 60))/min" }
    return "\(decimal(perSecond * 3600))/h"
  }

  /// `0.4 s`, `42 s`, `3 min 20 s`, `2 h 5 min`, `9 d 4 h`, `3 years`.
  package static func duration(_ microseconds: Int64) -> String {
    let value = max(0, microseconds)
    if value < 1000 { return "\(value) µs" }
    if value < 1_000_000 { return "\(value / 1000) ms" }
    if value < 10 * microsecondsPerSecond { return "\(decimal(Double(value) / 1e6)) s" }
    let seconds = value / microsecondsPerSecond
    if seconds < 60 { return "\(seconds) s" }
    if seconds < 3600 { return pair(seconds / 60, "min", seconds % 60, "s") }
    if seconds < 86_400 { return pair(seconds / 3600, "h", seconds / 60 % 60, "min") }
    let days = seconds / 86_400
    if days < 30 { return pair(days, "d", seconds / 3600 % 24, "h") }
    if days < 730 { return "\(days) days" }
    return days < 365 * 100 ? "\(days / 365) years" : "more than 100 years"
  }

  private static func pair(_ large: Int64, _ unit: String, _ small: Int64, _ less: String) -> String
  {
    small == 0 ? "\(large) \(unit)" : "\(large) \(unit) \(small) \(less)"
  }

  /// `2026-01-31 23:59:59` (UTC).
  static func date(_ wall: Int64) -> String {
    let text = rfc3339(wallMicroseconds: wall)
    guard text.utf8.count >= 19, let zone = text.firstIndex(of: "T") else { return text }
    return "\(text[..<zone]) \(text[text.index(after: zone)...].prefix(8))"
  }

  /// `23:59:59` on the day of `now`, else with its date.
  static func time(_ wall: Int64, now: Int64) -> String {
    let (text, today) = (date(wall), date(now))
    return text.prefix(10) == today.prefix(10) ? String(text.dropFirst(11)) : text
  }

  /// `a`, `a and b`, `a, b and c`; of many the first few.
  static func list(_ names: [String]) -> String {
    if names.count > 4 {
      return names.prefix(3).joined(separator: ", ") + " and \(names.count - 3) more"
    }
    guard names.count > 1, let last = names.last else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " and \(last)"
  }

  /// `70 to 80 %`; of a figure in steps of ten.
  static func life(_ percent: Int) -> String {
    percent > 100 ? "all and more" : "\(max(0, percent - 10)) to \(percent) %"
  }

  /// A topic as text: what is no UTF-8, or would not be seen, is escaped.
  static func topic(_ topic: TopicActivity.Topic) -> String {
    var text = ""
    for scalar in String(decoding: topic.name, as: UTF8.self).unicodeScalars {
      let isControl = scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)
      // Marks that turn the direction of writing could make one topic look like another.
      let isInvisible =
        scalar.properties.generalCategory == .format || scalar == "\u{2028}" || scalar == "\u{2029}"
      if isControl || isInvisible {
        text += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return topic.byteCount > topic.name.count ? text + "…" : text
  }
}
