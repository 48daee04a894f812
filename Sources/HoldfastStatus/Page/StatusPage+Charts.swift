internal import HoldfastEvent

extension StatusPage {
  private static var width: Double { 600 }
  private static var height: Double { 120 }

  /// What came in and went out over time, newest at the right.
  static func chart(
    _ series: RateHistory.Series,
    _ title: StaticString,
    _ begin: StaticString,
    _ report: StatusReport,
    _ page: inout Markup
  ) {
    let received = series.rates(\.received)
    let delivered = series.rates(\.delivered)
    let most = max(received.max() ?? 0, delivered.max() ?? 0)
    page.add("<section class=\"card half\"><h2>")
    page.add(title)
    page.add("</h2>")
    guard received.count > 1 else {
      let wait = Words.duration(2 * series.width)
      page.element("<p class=\"soft\">Begins ", wait, " after the start.</p></section>\n")
      return
    }
    key("in", "In", received.last ?? 0, &page)
    key("out", "Delivered", delivered.last ?? 0, &page)
    page.add(
      "</p><svg class=\"chart\" viewBox=\"0 0 600 120\" preserveAspectRatio=\"none\" role=\"img\" "
    )
    page.element("aria-label=\"", label(received, delivered), "\">")
    page.add(
      "<line x1=\"0\" x2=\"600\" y1=\"120\" y2=\"120\"/><line x1=\"0\" x2=\"600\" y1=\"2\" y2=\"2\"/>"
    )
    let scale = most > 0 ? (height - 6) / most : 0
    page.element("<path class=\"fill\" d=\"", area(received, series.countMax, scale), "\"/>")
    page.element("<path class=\"in\" d=\"", line(received, series.countMax, scale), "\"/>")
    page.element("<path class=\"out\" d=\"", line(delivered, series.countMax, scale), "\"/>")
    page.add("</svg><p class=\"axis\"><span>")
    page.add(begin)
    page.element("</span><span>", most > 0 ? "at most \(Words.rate(most))" : "", "</span>")
    page.add("<span>now</span></p></section>\n")
  }

  private static func key(
    _ style: StaticString,
    _ name: StaticString,
    _ rate: Double,
    _ page: inout Markup
  ) {
    // The paragraph is opened by the first one.
    if style.utf8CodeUnitCount == 2 { page.add("<p class=\"key\">") }
    page.add("<span><svg class=\"chart\" viewBox=\"0 0 22 8\" aria-hidden=\"true\"><path class=\"")
    page.add(style)
    page.add("\" d=\"M0 4H22\"/></svg>")
    page.add(name)
    page.element(" <b>", Words.rate(rate), "</b></span>")
  }

  private static func label(_ received: [Double], _ delivered: [Double]) -> String {
    let mean = { (rates: [Double]) in rates.reduce(0, +) / Double(max(1, rates.count)) }
    return
      "In: \(Words.rate(mean(received))) on average, at most \(Words.rate(received.max() ?? 0)). "
      + "Delivered: \(Words.rate(mean(delivered))) on average, at most "
      + "\(Words.rate(delivered.max() ?? 0))."
  }

  /// Each bucket's middle; the newest is the last.
  private static func points(_ rates: [Double], _ countMax: Int, _ scale: Double) -> [String] {
    let step = width / Double(max(1, countMax - 1))
    return rates.enumerated().map { index, rate in
      let x = width - Double(rates.count - 1 - index) * step
      return "\(tenths(x)) \(tenths(height - rate * scale))"
    }
  }

  private static func line(_ rates: [Double], _ countMax: Int, _ scale: Double) -> String {
    "M" + points(rates, countMax, scale).joined(separator: "L")
  }

  private static func area(_ rates: [Double], _ countMax: Int, _ scale: Double) -> String {
    let step = width / Double(max(1, countMax - 1))
    let start = width - Double(rates.count - 1) * step
    return "M\(tenths(start)) 120L" + points(rates, countMax, scale).joined(separator: "L")
      + "L600 120Z"
  }

  private static func tenths(_ value: Double) -> String {
    let rounded = Int((value * 10).rounded())
    return "\(rounded / 10).\(rounded % 10)"
  }
}
