internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastRingLog

/// The metrics in Prometheus' text exposition format 0.0.4.
///
/// Labels name sources, upstreams, reasons and versions only: their number is bounded by the
/// configuration, whatever comes in.
public enum PrometheusText {
  /// As the server names it.
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// All metrics of a report.
  public static func render(_ report: StatusReport) -> [UInt8] {
    var text = Exposition()
    agent(report, &text)
    sources(report, &text)
    ring(report, &text)
    upstreams(report, &text)
    links(report, &text)
    queues(report, &text)
    disk(report, &text)
    process(report, &text)
    return text.bytes
  }

  private static func agent(_ report: StatusReport, _ text: inout Exposition) {
    text.family("holdfast_build_info", .gauge, "Which Holdfast this is, and its agent id.")
    text.sample([("version", report.version), ("agent", report.agent.detail.agentID)], 1)
    text.family("holdfast_ready", .gauge, "1 once the ring is open and each source's state known.")
    text.sample([], report.isReady ? 1 : 0)
    text.family("holdfast_health", .gauge, "1 for the state that the ring log is in.")
    for health in [AgentStatus.Health.good, .full, .failing] {
      text.sample([("state", health.rawValue)], report.agent.health == health ? 1 : 0)
    }
    text.family(
      "holdfast_silence_seconds",
      .gauge,
      "How long the agent's core has not answered; 0 while it does."
    )
    text.sample([], seconds: report.silence)
    text.family("holdfast_log_lines_total", .counter, "Warnings and errors for the operator.")
    text.sample([("level", "warning")], report.problems.warningCount)
    text.sample([("level", "error")], report.problems.errorCount)
    text.family(
      "holdfast_clock_steps_total",
      .counter,
      "Times the wall clock was set by 2 s or more."
    )
    text.sample([], report.clock.stepCount)
    text.family("holdfast_clock_credible", .gauge, "0 while the wall clock can't be right.")
    text.sample([], ClockWatch.isCredible(report.now) ? 1 : 0)
    text.family("holdfast_topics", .gauge, "Topics whose traffic is remembered.")
    text.sample([], UInt64(report.topicCount))
    text.family("holdfast_topics_forgotten_total", .counter, "Topics that made room for others.")
    text.sample([], report.forgottenTopicCount)
  }

  private static func sources(_ report: StatusReport, _ text: inout Exposition) {
    let sources = report.agent.sources
    text.family(
      "holdfast_events_received_total",
      .counter,
      "Events handed over by a source; equal to stored plus dropped."
    )
    for source in sources { text.sample([("source", source.ledger.name)], source.ledger.received) }
    text.family("holdfast_events_stored_total", .counter, "Events that got a sequence number.")
    for source in sources { text.sample([("source", source.ledger.name)], source.ledger.stored) }
    text.family(
      "holdfast_events_dropped_total",
      .counter,
      "Events of a source that were not stored."
    )
    for source in sources {
      for reason in SourceDropReason.allCases {
        text.sample(
          [("source", source.ledger.name), ("reason", reason.description)],
          source.ledger.dropped[reason.rawValue]
        )
      }
    }
    text.family(
      "holdfast_events_possibly_redelivered_total",
      .counter,
      "Stored events that the broker may have sent twice."
    )
    for source in sources {
      text.sample([("source", source.ledger.name)], source.ledger.possiblyRedelivered)
    }
    text.family("holdfast_source_connected", .gauge, "1 while the link to the source is up.")
    for source in sources {
      text.sample([("source", source.ledger.name)], source.isConnected ? 1 : 0)
    }
    text.family("holdfast_source_paused", .gauge, "1 while the source is closed for want of room.")
    for source in sources {
      text.sample([("source", source.ledger.name)], source.ledger.isPaused ? 1 : 0)
    }
    text.family("holdfast_source_connects_total", .counter, "Successful connects of a source.")
    for source in sources { text.sample([("source", source.ledger.name)], source.ledger.connects) }
  }

  private static func ring(_ report: StatusReport, _ text: inout Exposition) {
    text.family("holdfast_ring_bytes", .gauge, "Bytes on disk of every file of ours.")
    text.sample([], UInt64(max(0, report.agent.ringByteCount)))
    text.family(
      "holdfast_ring_kept_bytes",
      .gauge,
      "Those of delivered data that is kept: they make room for whatever needs it."
    )
    text.sample([], UInt64(max(0, report.agent.ringKeptByteCount)))
    text.family("holdfast_ring_limit_bytes", .gauge, "The bound on holdfast_ring_bytes.")
    text.sample([], UInt64(max(0, report.agent.ringByteCountMax)))
    text.family("holdfast_ring_pending_events", .gauge, "Events taken and not durable yet.")
    text.sample([], UInt64(max(0, report.agent.detail.pendingCount)))
    text.family("holdfast_ring_gap_records", .gauge, "Gap records not passed by every upstream.")
    text.sample([], UInt64(max(0, report.agent.detail.gapCount)))
    text.family("holdfast_memory_event_bytes", .gauge, "Bytes of events held in memory.")
    text.sample([], UInt64(max(0, report.agent.memoryByteCount)))
  }

  private static func upstreams(_ report: StatusReport, _ text: inout Exposition) {
    let accounts = report.agent.upstreams.indices.map { index in
      (name: report.agent.upstreams[index].ledger.name, account: report.account(index))
    }
    let plain: [(String, Exposition.Kind, String, KeyPath<StatusReport.Account, UInt64>)] = [
      ("offered_total", .counter, "Events made durable for an upstream.", \.offered),
      ("delivered_total", .counter, "Events that the upstream acknowledged.", \.delivered),
      ("aggregated_total", .counter, "Events that went into results of stages.", \.aggregated),
      (
        "dead_lettered_total", .counter, "Events set aside in the dead-letter file.", \.deadLettered
      ),
    ]
    for (name, kind, help, path) in plain {
      text.family("holdfast_upstream_events_\(name)", kind, help)
      for entry in accounts {
        text.sample([("upstream", entry.name)], entry.account[keyPath: path])
      }
    }
    text.family(
      "holdfast_upstream_filtered_events",
      .gauge,
      "Events not selected or kept back; fewer where a stage lets some go later."
    )
    for entry in accounts { text.sample([("upstream", entry.name)], entry.account.filtered) }
    text.family("holdfast_upstream_buffered_events", .gauge, "Durable events not settled yet.")
    for entry in accounts { text.sample([("upstream", entry.name)], entry.account.buffered) }
    text.family(
      "holdfast_upstream_events_dropped_total",
      .counter,
      "Events given up without another try."
    )
    for entry in accounts {
      for reason in UpstreamDropReason.allCases {
        text.sample(
          [("upstream", entry.name), ("reason", reason.description)],
          entry.account.dropped[reason.rawValue]
        )
      }
    }
    text.family("holdfast_upstream_events_lost_total", .counter, "Events lost before delivery.")
    for entry in accounts {
      for reason in LossReason.allCases {
        text.sample(
          [("upstream", entry.name), ("reason", reason.description)],
          entry.account.lost[reason.rawValue]
        )
      }
    }
    text.family(
      "holdfast_upstream_pending_lost_events",
      .gauge,
      "Events known to be lost that the upstream's cursor has not passed yet."
    )
    for entry in accounts {
      for reason in LossReason.allCases {
        text.sample(
          [("upstream", entry.name), ("reason", reason.description)],
          entry.account.pendingLost[reason.rawValue]
        )
      }
    }
  }

  private static func links(_ report: StatusReport, _ text: inout Exposition) {
    let upstreams = report.agent.upstreams
    text.family("holdfast_upstream_connected", .gauge, "1 while the link to the upstream is up.")
    for upstream in upstreams {
      text.sample([("upstream", upstream.ledger.name)], upstream.isConnected ? 1 : 0)
    }
    text.family(
      "holdfast_upstream_broker",
      .gauge,
      "Which broker of its list the upstream uses or tries: 0 its url, 1 the first of fallback_urls."
    )
    for (index, upstream) in upstreams.enumerated() {
      let place = report.agent.detail.upstreams[at: index]?.place ?? 0
      text.sample([("upstream", upstream.ledger.name)], UInt64(max(0, place)))
    }
    answers(report, &text)
  }

  private static func answers(_ report: StatusReport, _ text: inout Exposition) {
    let upstreams = report.agent.upstreams
    text.family(
      "holdfast_upstream_refusals_total",
      .counter,
      "Answers that said that the upstream did not take a message (reason 0x80 and above)."
    )
    for upstream in upstreams {
      text.sample([("upstream", upstream.ledger.name)], upstream.refusalCount)
    }
    text.family(
      "holdfast_upstream_refused",
      .gauge,
      "1 while the upstream refuses events: they are kept, or set aside where that does not pass."
    )
    for upstream in upstreams {
      text.sample([("upstream", upstream.ledger.name)], upstream.refusalText == nil ? 0 : 1)
    }
    text.family(
      "holdfast_upstream_unheard_messages_total",
      .counter,
      "Messages that the upstream took and had no subscriber for (MQTT 5, reason 0x10)."
    )
    for upstream in upstreams {
      text.sample([("upstream", upstream.ledger.name)], upstream.unheardCount)
    }
  }

  private static func queues(_ report: StatusReport, _ text: inout Exposition) {
    let upstreams = report.agent.upstreams
    text.family("holdfast_upstream_in_flight_messages", .gauge, "Messages sent and not answered.")
    for upstream in upstreams {
      text.sample([("upstream", upstream.ledger.name)], UInt64(max(0, upstream.inFlightCount)))
    }
    text.family(
      "holdfast_oldest_unsent_event_age_seconds",
      .gauge,
      "Age of the oldest event that the upstream has not settled; 0 where there is none."
    )
    for (index, upstream) in upstreams.enumerated() {
      let age = report.oldestArrivals.indices.contains(index) ? report.oldestArrivals[index] : nil
      text.sample([("upstream", upstream.ledger.name)], seconds: age?.microseconds ?? 0)
    }
    text.family(
      "holdfast_forward_lag_seconds",
      .gauge,
      "Time between the oldest unsettled and the newest durable event's arrival."
    )
    for (index, upstream) in upstreams.enumerated() {
      text.sample([("upstream", upstream.ledger.name)], seconds: report.lag(index))
    }
    text.family(
      "holdfast_upstream_results_total",
      .counter,
      "Results of stages that are settled, by what became of them."
    )
    for upstream in upstreams {
      let ledger = upstream.ledger
      let outcomes = [
        ("delivered", ledger.derivedDelivered), ("dead-lettered", ledger.derivedDeadLettered),
        ("dropped", ledger.derivedDropped),
      ]
      for (outcome, count) in outcomes {
        text.sample([("upstream", ledger.name), ("outcome", outcome)], count)
      }
    }
  }

  private static func disk(_ report: StatusReport, _ text: inout Exposition) {
    text.family(
      "holdfast_commit_seconds",
      .histogram,
      "How long commits took: writing, and waiting for the disk."
    )
    text.histogram(report.disk.commits)
    text.family("holdfast_disk_written_bytes_total", .counter, "Bytes written in files of ours.")
    text.sample([], report.disk.writtenByteCount)
    text.family("holdfast_disk_syncs_total", .counter, "Times the disk was asked to flush.")
    text.sample([], report.disk.syncCount)
    if let free = report.machine.freeByteCount {
      text.family("holdfast_disk_free_bytes", .gauge, "Free bytes where the ring lies.")
      text.sample([], free)
    }
    if let life = report.machine.device?.lifeUsedPercent {
      text.family(
        "holdfast_disk_life_used_ratio",
        .gauge,
        "Most of the storage device's life that is used, as it tells itself in steps of 0.1."
      )
      text.sample([], ratio: life)
    }
  }

  private static func process(_ report: StatusReport, _ text: inout Exposition) {
    let machine = report.machine
    text.family("process_start_time_seconds", .gauge, "When the agent started, since 1970.")
    // By the clock as it is now: a start in 1970 is no date to reckon with.
    text.sample([], seconds: report.now.wall.subtractingSaturated(report.uptime))
    if let cpu = machine.cpuMicroseconds {
      text.family("process_cpu_seconds_total", .counter, "CPU time of all threads.")
      text.sample([], seconds: Int64(clamping: cpu))
    }
    let gauges: [(String, String, UInt64?)] = [
      ("process_resident_memory_bytes", "Memory in use.", machine.residentByteCount),
      ("process_open_fds", "Open descriptors.", machine.descriptorCount),
      ("process_max_fds", "Descriptors that may be open.", machine.descriptorCountMax),
      ("process_threads", "Threads.", machine.threadCount),
    ]
    for (name, help, value) in gauges {
      guard let value else { continue }
      text.family(name, .gauge, help)
      text.sample([], value)
    }
  }
}

/// Text of the exposition format, a family at a time.
struct Exposition {
  enum Kind: String { case counter, gauge, histogram }

  private(set) var bytes: [UInt8] = []
  private var name = ""

  /// Begins a family; its samples follow.
  mutating func family(_ name: String, _ kind: Kind, _ help: String) {
    self.name = name
    append("# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n")
  }

  mutating func sample(_ labels: [(String, String)], _ value: UInt64) {
    line("", labels, "\(value)")
  }

  mutating func sample(_ labels: [(String, String)], seconds microseconds: Int64) {
    line("", labels, Self.seconds(microseconds))
  }

  mutating func sample(_ labels: [(String, String)], ratio percent: Int) {
    line("", labels, "\(Double(percent) / 100)")
  }

  mutating func histogram(_ histogram: DurationHistogram) {
    var count: UInt64 = 0
    for (bound, more) in zip(DurationHistogram.bounds, histogram.counts) {
      count &+= more
      line("_bucket", [("le", "\(Double(bound) / 1e6)")], "\(count)")
    }
    line("_bucket", [("le", "+Inf")], "\(histogram.count)")
    line("_sum", [], Self.seconds(Int64(clamping: histogram.sum)))
    line("_count", [], "\(histogram.count)")
  }

  private mutating func line(_ suffix: String, _ labels: [(String, String)], _ value: String) {
    append(name + suffix)
    if !labels.isEmpty {
      append("{")
      for (place, label) in labels.enumerated() {
        append((place > 0 ? "," : "") + label.0 + "=\"" + Self.escaped(label.1) + "\"")
      }
      append("}")
    }
    append(" \(value)\n")
  }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\"": result += "\\\""
      case "\n": result += "\\n"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func seconds(_ microseconds: Int64) -> String {
    let magnitude = microseconds.magnitude
    let fraction = String(magnitude % 1_000_000)
    let padded = String(repeating: "0", count: 6 - fraction.count) + fraction
    return (microseconds < 0 ? "-" : "") + "\(magnitude / 1_000_000).\(padded)"
  }
}
