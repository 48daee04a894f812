import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream

/// What can be wrong only between tables: loops, shared sessions, bounds that depend on others.
struct CrossChecks {
  typealias Source = DocumentReader.Entry<SourceConfiguration>
  typealias Ring = DocumentReader.Entry<RingConfiguration>
  typealias Upstream = DocumentReader.Entry<UpstreamConfiguration>

  let agentID: String
  let ring: Ring
  let sources: [Source]
  let upstreams: [Upstream]
  var purpose = ConfigurationFile.Purpose.agent
  let problems: ProblemList

  func run() {
    for source in sources { checkCommitInterval(source) }
    checkDeadLetters()
    checkClientIDs()
    for upstream in upstreams { checkBudgetOwner(upstream) }
    StageChecks(sources: sources, upstreams: upstreams, ring: ring, problems: problems).run()
    for (index, source) in sources.enumerated() {
      warnAboutOverlap(source, earlier: sources[..<index])
    }
    if purpose == .unpack { return }
    for upstream in upstreams where upstream.settings.kafka == nil {
      for source in sources where isSameBroker(upstream.settings.link, source.settings.link) {
        checkLoop(upstream, source)
      }
    }
  }

  /// A broker must not take us for dead while PUBACKs wait for a commit.
  private func checkCommitInterval(_ source: Source) {
    let keepAlive = Int64(source.settings.link.keepAliveSeconds) * second
    guard ring.settings.commitInterval > keepAlive / 4 else { return }
    let name = source.table.title
    if ring.table.has(RingKey.commitInterval) {
      ring.table.error(
        RingKey.commitInterval,
        "is above a quarter of keep_alive of \(name)",
        "give at most \"\(formattedDuration(keepAlive / 4))\", or a longer keep_alive"
      )
    } else {
      source.table.error(
        LinkKey.keepAlive,
        "is below four times commit_interval of [ring]",
        "give at least \"\(formattedDuration(ring.settings.commitInterval * 4))\""
      )
    }
  }

  private func checkDeadLetters() {
    let byteCount = upstreams.reduce(0) { $0 + $1.settings.deadLetterByteCountMax }
    guard byteCount > ring.settings.byteCountMax / 2, let last = upstreams.last else { return }
    let culprit = upstreams.last { $0.table.has(UpstreamKey.deadLetterSize) } ?? last
    culprit.table.error(
      UpstreamKey.deadLetterSize,
      "makes dead letters of all upstreams exceed half the ring",
      "give less, or a larger size in [ring], which counts them"
    )
  }

  /// A budget is shared with an upstream that has one itself.
  private func checkBudgetOwner(_ upstream: Upstream) {
    guard let name = upstream.settings.budgetOwner else {
      let isShared = upstreams.contains { $0.settings.budgetOwner == upstream.settings.name }
      if upstream.table.has(UpstreamKey.priority) && !isShared {
        upstream.table.warn(
          UpstreamKey.priority,
          "has no effect: nobody shares its budget",
          "remove it, or name this upstream in budget_of of another one"
        )
      }
      return
    }
    let owner = upstreams.first { $0.settings.name == name }
    guard name != upstream.settings.name, owner?.settings.budgetByteCount != nil else {
      upstream.table.error(
        UpstreamKey.budgetOf,
        "is \(quoted(name)), which is no other upstream with a budget",
        "name one that has a budget"
      )
      return
    }
  }

  /// Two links with one client id would throw each other out for ever.
  private func checkClientIDs() {
    var seen: [(link: LinkConfiguration, title: String)] = []
    // A Kafka cluster takes any number of clients of one name.
    let brokers = upstreams.filter { $0.settings.kafka == nil }
    let links =
      sources.map { ($0.settings.link, $0.table) } + brokers.map { ($0.settings.link, $0.table) }
    for (link, table) in links {
      let twin = seen.first { $0.link.clientID == link.clientID && isSameBroker($0.link, link) }
      if let twin {
        table.error(
          LinkKey.clientID,
          "is \(quoted(link.clientID)), as that of \(twin.title) on the same broker",
          "give each its own: a broker lets one client of a name in"
        )
      }
      seen.append((link, table.title))
    }
  }

  /// Overlapping subscriptions make a broker send an event twice.
  private func warnAboutOverlap(_ source: Source, earlier: ArraySlice<Source>) {
    let filters = source.settings.topics
    for (index, filter) in filters.enumerated() {
      if let other = filters[..<index].first(where: { $0.overlaps(filter) }) {
        source.table.warn(
          SourceKey.topics,
          "holds \(quoted(other.description)) and \(quoted(filter.description))",
          "keep filters apart: some brokers send an event once per filter that matches"
        )
        break
      }
    }
    for other in earlier where isSameBroker(other.settings.link, source.settings.link) {
      let isOverlapping = other.settings.topics.contains { first in
        filters.contains { $0.overlaps(first) }
      }
      if isOverlapping {
        source.table.warn(
          SourceKey.topics,
          "overlaps topics of \(other.table.title) on the same broker",
          "keep them apart: the events that both match are stored twice"
        )
      }
    }
  }

  /// What goes to the broker that it came from would come back for ever.
  private func checkLoop(_ upstream: Upstream, _ source: Source) {
    let values = ["agent": agentID, "upstream": upstream.settings.name]
    let template = TopicTemplate(text: upstream.settings.topicTemplate)
    let key: UpstreamKey =
      upstream.table.has(UpstreamKey.topic) || !upstream.table.has(UpstreamKey.topics)
      ? .topic : .topics
    if upstream.settings.format == .event {
      var topics = upstream.settings.topics
      var isTold = report(topics.flatMap { template.reach(of: $0, values) }, key, upstream, source)
      for stage in upstream.stages where !isTold {
        topics = StageChecks.reached(stage.settings, from: topics)
        let outgoing = topics.flatMap { template.reach(of: $0, values) }
        isTold = report(outgoing, StageKey.topic, upstream, source, in: stage.table)
      }
    } else {
      // A batch's topic doesn't depend on the events in it.
      report([TopicFilter(template.filled(values))].compactMap { $0 }, key, upstream, source)
    }

    let gaps = TopicTemplate(text: upstream.settings.gapTopicTemplate).filled(values)
    report([TopicFilter(gaps)].compactMap { $0 }, UpstreamKey.gapTopic, upstream, source)
  }

  /// Whether one of `outgoing` is subscribed, which is then told at `key`.
  @discardableResult private func report(
    _ outgoing: [TopicFilter],
    _ key: some RawRepresentable<String>,
    _ upstream: Upstream,
    _ source: Source,
    in table: TableReader? = nil
  ) -> Bool {
    for sent in outgoing {
      guard let taken = source.settings.topics.first(where: { $0.overlaps(sent) }) else { continue }
      (table ?? upstream.table).error(
        key,
        "makes a loop: \(quoted(sent.description)) goes to \(upstream.settings.link.url), "
          + "where \(source.table.title) takes \(quoted(taken.description))",
        key.rawValue == UpstreamKey.gapTopic.rawValue
          ? "give another gap_topic, or \"\" for none"
          : "give a topic outside it, such as \"central/{topic}\", or narrower topics"
      )
      return true
    }
    return false
  }

  private func isSameBroker(_ first: LinkConfiguration, _ second: LinkConfiguration) -> Bool {
    ConfigurationFile.isSameBroker(first, second)
  }
}
