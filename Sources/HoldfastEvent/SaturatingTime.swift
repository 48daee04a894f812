extension Int64 {
  /// The sum, held at the ends of the range: an instant far away stays far away.
  public func addingSaturated(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }

  /// The difference, held at the ends of the range.
  public func subtractingSaturated(_ other: Int64) -> Int64 {
    let (difference, overflow) = subtractingReportingOverflow(other)
    return overflow ? (other < 0 ? .max : .min) : difference
  }
}

/// `0.7 s`, `42 s`, `5 min`, `3 h`: a duration in microseconds, for messages to people.
public func durationText(_ microseconds: Int64) -> String {
  let tenths = max(0, microseconds.addingSaturated(50_000) / 100_000)
  if tenths < 100 { return "\(tenths / 10).\(tenths % 10) s" }
  let seconds = tenths / 10
  if seconds < 120 { return "\(seconds) s" }
  return seconds < 7200 ? "\(seconds / 60) min" : "\(seconds / 3600) h"
}
