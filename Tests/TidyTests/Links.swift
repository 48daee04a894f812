/// Links of a Markdown page that lead nowhere within the checkout: files, headings, `make` targets.
///
/// Addresses of the web are not followed. `text(path)` is the text of a file of the checkout and
/// nil where there is none; `exists` also knows directories and pictures.
func linkFaults(
  path: String,
  text: String,
  exists: (String) -> Bool,
  textOf: (String) -> String?
) -> [Fault] {
  var faults: [Fault] = []
  for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
    for target in linkTargets(in: line) {
      let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
      let file = parts[0].isEmpty ? path : resolved(String(parts[0]), from: path)
      guard exists(file) else {
        faults.append(Fault(path: path, line: index + 1, remedy: "no such file: \(target)"))
        continue
      }
      guard parts.count == 2, let page = textOf(file) else { continue }
      if !headings(of: page).contains(String(parts[1])) {
        faults.append(Fault(path: path, line: index + 1, remedy: "no such heading: \(target)"))
      }
    }
  }
  return faults
}

/// What stands in `](…)`, addresses with a scheme left out.
private func linkTargets(in line: Substring) -> [Substring] {
  var found: [Substring] = []
  var rest = line
  while let start = rest.firstRange(of: "](") {
    rest = rest[start.upperBound...]
    guard let end = rest.firstIndex(of: ")") else { break }
    let target = rest[..<end]
    if !target.contains("://"), !target.hasPrefix("mailto:") { found.append(target) }
    rest = rest[end...]
  }
  return found
}

/// A relative link as a path from the root.
private func resolved(_ target: String, from path: String) -> String {
  var parts = path.split(separator: "/").dropLast().map(String.init)
  for part in target.split(separator: "/") {
    switch part {
    case ".": continue
    case "..": if !parts.isEmpty { parts.removeLast() }
    default: parts.append(String(part))
    }
  }
  return parts.joined(separator: "/")
}

/// The anchors that a page's headings have on the common forges.
private func headings(of page: String) -> [String] {
  page.split(separator: "\n").filter { $0.hasPrefix("#") }.map { line in
    let title = line.drop { $0 == "#" }.drop { $0 == " " }
    return title.lowercased().compactMap { character -> String? in
      if character == " " { return "-" }
      return character.isLetter || character.isNumber || "-_".contains(character)
        ? String(character) : nil
    }.joined()
  }
}

/// Every `make X` that a page mentions in code and that the Makefile has no target for.
func makeFaults(path: String, text: String, makefile: String) -> [Fault] {
  var targets: Set<Substring> = []
  for line in makefile.split(separator: "\n") where !line.hasPrefix("\t") {
    guard let colon = line.firstIndex(of: ":"), !line.hasPrefix("#") else { continue }
    targets.formUnion(line[..<colon].split(separator: " "))
  }
  var faults: [Fault] = []
  var isFenced = false
  for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
    if line.hasPrefix("```") { isFenced.toggle() }
    let parts = line.split(separator: "`", omittingEmptySubsequences: false)
    let snippets =
      isFenced ? [line] : parts.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
    for snippet in snippets where snippet.hasPrefix("make ") {
      guard let target = snippet.split(separator: " ").dropFirst().first else { continue }
      if !targets.contains(target) {
        faults.append(Fault(path: path, line: index + 1, remedy: "no target of make: \(target)"))
      }
    }
  }
  return faults
}
