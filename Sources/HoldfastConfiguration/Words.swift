/// `text` in quotes for a message: one line, no control characters, at most 60 characters.
func quoted(_ text: String) -> String {
  "\"\(shown(text, atMost: quotedCharacterCountMax))\""
}

/// `text` on one line without control characters, cut behind `countMax` characters.
func shown(_ text: String, atMost countMax: Int) -> String {
  var shown = ""
  for scalar in text.unicodeScalars.prefix(countMax) {
    shown +=
      scalar.value < 0x20 || scalar.value == 0x7F
      ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
  }
  return text.unicodeScalars.count > countMax ? shown + "…" : shown
}

private let quotedCharacterCountMax = 60
/// Longer words resemble nothing: the distance costs time in the product of the lengths.
private let comparedByteCountMax = 64

/// The word of `known` that `word` most likely means; nil when none is near.
func nearest(to word: String, among known: [String]) -> String? {
  guard !word.isEmpty, word.utf8.count <= comparedByteCountMax else { return nil }
  let plain = plainForm(word)
  var best: (word: String, distance: Int)?
  for candidate in known {
    let other = plainForm(candidate)
    let limit = max(1, min(plain.count, other.count) / 3)
    let distance = editDistance(plain, other)
    if distance <= limit, distance < best?.distance ?? Int.max { best = (candidate, distance) }
  }
  return best?.word
}

/// Lower case, with `-` and `_` left out, so that spelling habits don't count as mistakes.
private func plainForm(_ word: String) -> [UInt8] {
  word.lowercased().utf8.filter { $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") }
}

/// Insertions, deletions, replacements and swaps of neighbours from one word to the other.
private func editDistance(_ first: [UInt8], _ second: [UInt8]) -> Int {
  var beforePrevious: [Int] = []
  var previous = Array(0...second.count)
  for (row, byte) in first.enumerated() {
    var current = [row + 1]
    for (column, other) in second.enumerated() {
      var least = min(previous[column + 1] + 1, current[column] + 1)
      least = min(least, previous[column] + (byte == other ? 0 : 1))
      let isSwap =
        row > 0 && column > 0 && byte == second[column - 1] && first[row - 1] == other
      if isSwap { least = min(least, beforePrevious[column - 1] + 1) }
      current.append(least)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[second.count]
}
