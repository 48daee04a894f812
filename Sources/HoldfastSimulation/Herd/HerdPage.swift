internal import HoldfastEvent

extension HerdReport {
  /// A table for a page: one row per manner.
  public static func table(_ reports: [HerdReport]) -> String {
    var text =
      "| manner | longest queue | longest wait for the broker | last agent connected after |"
      + " backlog delivered after | sent twice | links given up | refused as busy |\n"
      + "|---|---|---|---|---|---|---|---|\n"
    for report in reports {
      let drained = report.drainedAt.map { seconds($0) } ?? "not in two hours"
      text +=
        "| \(report.manner.rawValue) | \(report.messageQueueMax) messages"
        + " | \(seconds(report.queueTimeMax)) | \(seconds(report.connectedAt)) | \(drained)"
        + " | \(report.repeatedCount) | \(report.givenUpCount) | \(report.refusedCount) |\n"
    }
    return text
  }

  private static func seconds(_ time: Int64) -> String {
    "\(time / microsecondsPerSecond).\(time / 100_000 % 10) s"
  }

  /// Colours of the lines, dark enough on white.
  private static let colors = ["#c0392b", "#d68910", "#1f618d", "#1e8449"]

  /// A picture of how long the broker's queue is over time, above how much is delivered.
  public static func picture(_ reports: [HerdReport]) -> String {
    let length = reports.map(\.series.count).max() ?? 1
    let longest = max(reports.flatMap(\.series).map(\.queueTime).max() ?? 1, 1)
    var svg =
      #"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 560" font-family="sans-serif""#
      + " font-size=\"13\">\n<rect width=\"820\" height=\"560\" fill=\"white\"/>\n"
    let panels: [(top: Int, title: String, most: Int64, unit: String)] = [
      (
        40, "Time that something new waits for the broker", longest / microsecondsPerSecond + 1, "s"
      ),
      (310, "Part of the backlog delivered", 100, "%"),
    ]
    for (place, panel) in panels.enumerated() {
      svg += axes(panel.top, panel.title, "\(panel.most) \(panel.unit)", length)
      for (index, report) in reports.enumerated() {
        var points: [String] = []
        for (second, sample) in report.series.enumerated() {
          let value =
            place == 0
            ? Double(sample.queueTime) / Double(panel.most * microsecondsPerSecond)
            : Double(sample.delivered) / 1000
          let x = 60 + second * 720 / max(1, length)
          points.append("\(x),\(panel.top + 190 - Int(value * 180))")
        }
        let color = colors[index % colors.count]
        svg +=
          "<polyline fill=\"none\" stroke=\"\(color)\" stroke-width=\"1.5\" points=\""
          + points.joined(separator: " ") + "\"/>\n"
        if place == 0 {
          svg +=
            "<text x=\"500\" y=\"\(62 + index * 18)\" fill=\"\(color)\">\(report.manner.rawValue)"
            + "</text>\n"
        }
      }
    }
    return svg + "</svg>\n"
  }

  private static func axes(_ top: Int, _ title: String, _ most: String, _ length: Int) -> String {
    "<text x=\"60\" y=\"\(top - 8)\">\(title)</text>\n"
      + "<path d=\"M60 \(top) V\(top + 190) H780\" fill=\"none\" stroke=\"black\"/>\n"
      + "<text x=\"54\" y=\"\(top + 14)\" text-anchor=\"end\">\(most)</text>\n"
      + "<text x=\"54\" y=\"\(top + 194)\" text-anchor=\"end\">0</text>\n"
      + "<text x=\"780\" y=\"\(top + 208)\" text-anchor=\"end\">\(length) s after its return</text>\n"
  }
}
