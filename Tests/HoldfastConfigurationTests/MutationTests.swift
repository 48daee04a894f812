import HoldfastAgent
import HoldfastEvent
import Testing

@testable import HoldfastConfiguration

/// Random damage to a right file: reading must end with a configuration or with problems, and
/// never with a trap.
@Suite struct MutationTests {
  private static let roundCount = 3_000
  private static let pieces = [
    "[", "]", "[[", "]]", "{", "}", "\"", "'", "\"\"\"", "'''", "\\", "\\u", "#", "\n", "\r", "=",
    ".", ",", "\u{0}", "é", "[[source]]", "[source.tls]", "9999999999999999999", "-1", "1e400",
    "url", "{topic}", "true", "{1}", "and", "\\u0001", "%", "\\U0010FFFF", "\\uD800", " ", "\t",
    "2026-01-01", "+", "/", "$",
  ]

  private func mutated(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      let place = Int.random(in: 0...bytes.count, using: &random)
      let count = min(Int.random(in: 0...12, using: &random), bytes.count - place)
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        bytes.removeSubrange(place..<place + count)
      case 1:
        let piece = Self.pieces.randomElement(using: &random) ?? ""
        bytes.insert(contentsOf: Array(piece.utf8), at: place)
      case 2:
        let copy = bytes[place..<place + count]
        bytes.insert(contentsOf: copy, at: Int.random(in: 0...bytes.count, using: &random))
      default:
        if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &random) }
      }
    }
    return bytes
  }

  @Test func noDamageTrapsTheReader() {
    let original = Array(
      sample(
        ring: "size = \"64MiB\"\nmax_age = \"7d\"",
        source: "tls = { ca_file = '/nonexistent' }\nprotocol = \"5\"",
        upstream: "format = \"ndjson\"\ntopic = \"a/{agent}\"\nin_flight = 0x10",
        sourceTopics: "topics = [\n  \"a/#\", # one\n  'b/+',\n]",
        sourceURL: "mqtts://[::1]:1"
      ).utf8
    )
    damage(original, seed: 20_260_101)
  }

  @Test func noDamageOfStagesTrapsTheReader() {
    let stages = leastStages.map { "[[upstream.stage]]\ntype = \"\($0.type)\"\n\($0.lines)" }
    let map = """
      [[upstream.stage]]
      type = "map"
      topics = ["a/+/#"]
      select = ["a.b", "c[0]"]
      rename = { "a.b" = "d" }
      add = { e = "x-{1}", f = 1.5 }
      topic = "{2}/{topic}"
      [[upstream.stage.compute]]
      field = "a"
      scale = 2
      round = 3
      """
    let original = sample(
      source: "decode = \"json\"\n[[source.decode_topic]]\ntopics = [\"a\"]\nformat = \"none\"",
      upstream: (stages + [map]).joined(separator: "\n")
    )
    #expect(problems(of: original) == [])
    damage(Array(original.utf8), seed: 5)
  }

  /// Reads a right file damaged in many ways.
  private func damage(_ original: [UInt8], seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var usableCount = 0
    for _ in 0..<Self.roundCount {
      let bytes = mutated(original, &random)
      do throws(ConfigurationError) {
        _ = try ConfigurationFile.load(
          bytes: bytes,
          file: "f",
          defaultAgentID: "a",
          isWorldReadable: false
        )
        usableCount += 1
      } catch {
        #expect(!error.problems.isEmpty)
        let lineCount = bytes.count { $0 == UInt8(ascii: "\n") } + 2
        #expect(error.problems.allSatisfy { (1...lineCount).contains($0.line) })
        for problem in error.problems {
          let shown = problem.described(file: "f")
          #expect(shown.utf8.count <= 4096)
          #expect(shown.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
        }
      }
    }
    // Both ends are reached: damage within comments and numbers leaves a usable file.
    #expect(usableCount > 0 && usableCount < Self.roundCount)
  }

  @Test func noBytesAtAllTrapTheScanner() {
    var random = SplitMix64(seed: 7)
    for _ in 0..<2_000 {
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 0...60, using: &random) {
        bytes += Array((Self.pieces.randomElement(using: &random) ?? "").utf8)
        if Bool.random(using: &random) { bytes.append(UInt8.random(in: 0...255, using: &random)) }
      }
      let lineCount = bytes.count { $0 == UInt8(ascii: "\n") } + 1
      let positions = KeyPositions(bytes)
      #expect(positions.lines.values.allSatisfy { (1...lineCount).contains($0) })
    }
  }

  @Test func whereTheLibraryAgreesEveryKeyHasItsLine() throws {
    let text = sample(
      source: "keep_alive = \"9s\"\ntls.ca_file = \"x\"",
      upstream: "retain = \"keep\""
    )
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      guard let equals = line.firstIndex(of: "=") else { continue }
      // Making the value a date makes each key a problem on its own line.
      var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      lines[number] = line[...equals] + " 2026-01-01"
      let found = problems(of: lines.joined(separator: "\n"))
      #expect(found.contains { $0.line == number + 1 }, "\(line)")
    }
  }
}
