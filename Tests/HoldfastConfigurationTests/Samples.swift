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
