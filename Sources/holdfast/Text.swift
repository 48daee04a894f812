/// Bytes from outside as one line for a terminal: control characters are escaped, and what is
/// not UTF-8 is shown in hexadecimal.
func printable(_ bytes: ArraySlice<UInt8>) -> String {
  guard let text = String(validating: bytes, as: UTF8.self) else {
    let digits = bytes.map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }
    return "0x" + digits.joined()
  }
  let isPlain = { (scalar: Unicode.Scalar) in
    scalar.value >= 0x20 && !(0x7f..<0xa0).contains(scalar.value)
  }
  if text.unicodeScalars.allSatisfy(isPlain) { return text }
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\n": result += "\\n"
    case "\t": result += "\\t"
    case "\r": result += "\\r"
    case _ where isPlain(scalar): result.unicodeScalars.append(scalar)
    default: result += "\\u{\(String(scalar.value, radix: 16))}"
    }
  }
  return result
}

/// Lines of columns, each as wide as its widest cell; columns in `right` are aligned right.
func table(_ rows: [[String]], right: Set<Int>) -> String {
  var widths: [Int] = []
  for row in rows {
    for (column, cell) in row.enumerated() {
      if column >= widths.count { widths.append(0) }
      widths[column] = max(widths[column], cell.count)
    }
  }
  var text = ""
  for row in rows {
    var line = ""
    for (column, cell) in row.enumerated() {
      let padding = String(repeating: " ", count: widths[column] - cell.count)
      if column > 0 { line += "  " }
      line += right.contains(column) ? padding + cell : cell + padding
    }
    while line.last == " " { line.removeLast() }
    text += line + "\n"
  }
  return text
}

/// `1.5 MiB`.
func byteText(_ count: some BinaryInteger) -> String {
  var value = max(0, Double(count))
  var unit = "B"
  for larger in ["KiB", "MiB", "GiB", "TiB"] where value >= 1024 {
    value /= 1024
    unit = larger
  }
  let tenths = Int((value * 10).rounded())
  return unit == "B" ? "\(count) B" : "\(tenths / 10).\(tenths % 10) \(unit)"
}
