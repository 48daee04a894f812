import HoldfastAgent
import HoldfastConfiguration
import Testing

/// A small right configuration, to which tests add lines.
///
/// A line that ends in `#!` is where a problem is expected.
func sample(
  top: String = "",
  agent: String = "id = \"edge-1\"",
  ring: String = "",
  source: String = "",
  upstream: String = "",
  sourceTopics: String = "topics = [\"sensors/#\"]",
  sourceURL: String = "mqtt://127.0.0.1:1883",
  upstreamURL: String = "mqtt://127.0.0.1:2883",
  end: String = ""
) -> String {
  """
  \(top)
  [agent]
  \(agent)
  [ring]
  \(ring)
  [[source]]
  name = "floor"
  url = "\(sourceURL)"
  \(sourceTopics)
  \(source)
  [[upstream]]
  name = "central"
  url = "\(upstreamURL)"
  \(upstream)
  \(end)
  """
}

func load(_ text: String) throws(ConfigurationError) -> LoadedConfiguration {
  try ConfigurationFile.load(text: text, file: "test.toml", defaultAgentID: "edge-default")
}

/// All problems of a text; empty if it is right.
func problems(of text: String) -> [ConfigurationProblem] {
  do {
    _ = try load(text)
    return []
  } catch {
    return error.problems
  }
}

/// The lines, from 1, that end in `#!`.
func markedLines(of text: String) -> [Int] {
  text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    .filter { $0.element.hasSuffix("#!") }
    .map { $0.offset + 1 }
}

/// A generator of numbers that repeats with its seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
