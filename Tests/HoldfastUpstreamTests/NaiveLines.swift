/// A reader of line protocol that knows nothing of the writer: a byte at a time, as InfluxDB's
/// reference describes it.
struct NaiveLine: Equatable {
  enum Value: Equatable {
    case text([UInt8])
    case number(String)
    case boolean(Bool)
  }

  var measurement = ""
  var tags: [String: String] = [:]
  var fields: [String: Value] = [:]
  var timestamp: Int64 = 0

  /// All lines of a batch; nil where one breaks the rules.
  static func lines(_ batch: [UInt8]) -> [NaiveLine]? {
    guard batch.last == 10 else { return nil }
    var lines: [NaiveLine] = []
    for text in batch.dropLast().split(separator: 10, omittingEmptySubsequences: false) {
      guard let line = NaiveLine(Array(text)) else { return nil }
      lines.append(line)
    }
    return lines
  }

  init?(_ bytes: [UInt8]) {
    // Telegraf and InfluxDB end a text, or a line, at these.
    for byte in bytes where byte < 0x20 || byte == 0x7F { return nil }
    var place = 0
    func name(until ends: String) -> String? {
      var text: [UInt8] = []
      while place < bytes.count, !ends.utf8.contains(bytes[place]) {
        if bytes[place] == UInt8(ascii: "\\") {
          // The writer has no reason to write any other escape.
          guard place + 1 < bytes.count, ", =".utf8.contains(bytes[place + 1]) else { return nil }
          place += 1
        }
        text.append(bytes[place])
        place += 1
      }
      return text.isEmpty ? nil : String(validating: text, as: UTF8.self)
    }
    func pass(_ byte: String) -> Bool {
      guard place < bytes.count, byte.utf8.elementsEqual([bytes[place]]) else { return false }
      place += 1
      return true
    }
    guard let measurement = name(until: ", ") else { return nil }
    self.measurement = measurement
    while pass(",") {
      guard let key = name(until: "="), pass("="), let value = name(until: ", "),
        tags.updateValue(value, forKey: key) == nil
      else { return nil }
    }
    guard pass(" ") else { return nil }
    repeat {
      guard let key = name(until: "="), pass("=") else { return nil }
      guard let value = Self.value(bytes, &place), fields.updateValue(value, forKey: key) == nil
      else { return nil }
    } while pass(",")
    guard pass(" "),
      let timestamp = Int64(String(decoding: bytes[place...], as: UTF8.self))
    else { return nil }
    self.timestamp = timestamp
  }

  private static func value(_ bytes: [UInt8], _ place: inout Int) -> Value? {
    if bytes[place] == UInt8(ascii: "\"") {
      place += 1
      var text: [UInt8] = []
      while place < bytes.count, bytes[place] != UInt8(ascii: "\"") {
        if bytes[place] == UInt8(ascii: "\\") {
          guard place + 1 < bytes.count, "\\\"".utf8.contains(bytes[place + 1]) else { return nil }
          place += 1
        }
        text.append(bytes[place])
        place += 1
      }
      place += 1
      return place <= bytes.count ? .text(text) : nil
    }
    let word = String(
      decoding: bytes[place...].prefix { !", ".utf8.contains($0) },
      as: UTF8.self
    )
    place += word.utf8.count
    if word == "true" || word == "false" { return .boolean(word == "true") }
    let digits = word.hasSuffix("i") || word.hasSuffix("u") ? String(word.dropLast()) : word
    guard let number = Double(digits), number.isFinite else { return nil }
    return .number(word)
  }
}
