import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastUpstream

/// `agent.status_topic`: on which links the agent tells whether it is there.
///
/// One link per broker does, so that one that fails doesn't call the whole agent away. Where a source
/// takes the topic itself each change would become an event: there the default is left out, and one
/// that the operator gave is a warning. It makes no loop: the agent publishes it when it connects,
/// never because of an event.
struct StatusTopic {
  static let standard = "holdfast/{agent}/status"

  /// With placeholders; empty: none.
  var template: String
  /// Where it stands; nil: the default.
  var line: FileLine?
  let problems: ProblemList

  func assign(
    agentID: String,
    sources: [DocumentReader.Entry<SourceConfiguration>],
    to configuration: inout AgentConfiguration
  ) {
    guard !template.isEmpty else { return }
    let topic = TopicTemplate(text: template).filled(["agent": agentID])
    guard let filter = TopicFilter(topic) else { return }
    var links = configuration.sources.map(\.link) + configuration.upstreams.map(\.link)
    for index in links.indices {
      let isFirst = !links[..<index].contains { isSame($0, links[index]) }
      guard isFirst else { continue }
      let taker = sources.first { source in
        isSame(source.settings.link, links[index])
          && source.settings.topics.contains { $0.overlaps(filter) }
      }
      if let taker {
        guard let line else { continue }
        problems.warn(
          AgentKey.statusTopic.rawValue,
          line: line,
          "status_topic of [agent] is \(quoted(topic)), which \(taker.table.title) takes as an event",
          "give a topic outside its topics, or \"\" for none"
        )
      }
      links[index].statusTopic = topic
    }
    for index in configuration.sources.indices {
      configuration.sources[index].link = links[index]
    }
    for index in configuration.upstreams.indices {
      configuration.upstreams[index].link = links[configuration.sources.count + index]
    }
  }

  private func isSame(_ first: LinkConfiguration, _ second: LinkConfiguration) -> Bool {
    ConfigurationFile.isSameBroker(first, second)
  }
}

extension DocumentReader {
  /// `agent.status_topic`; nil if absent or wrong.
  func readStatusTopic(_ table: TableReader) -> String? {
    guard let text = table.text(AgentKey.statusTopic) else { return nil }
    if text.isEmpty { return text }
    let template = TopicTemplate(text: text)
    guard let placeholders = template.placeholders else {
      table.error(
        AgentKey.statusTopic,
        "has a brace without its partner",
        "write the placeholder as {agent}"
      )
      return nil
    }
    if let unknown = placeholders.first(where: { $0 != "agent" }) {
      table.error(
        AgentKey.statusTopic,
        "has the unknown placeholder \(quoted("{\(unknown)}"))",
        "use {agent}"
      )
      return nil
    }
    guard template.makesTopic(["agent": agentID]) else {
      table.error(
        AgentKey.statusTopic,
        "is \(quoted(text)), which makes no topic",
        TopicTemplate.topicRule
      )
      return nil
    }
    return text
  }
}
