internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastRingLog

/// `/status.json`: everything that the page shows, for programs.
///
/// Names carry their units; instants are RFC 3339; what is not known is null. Members may be added;
/// none changes its meaning.
public enum StatusJSON {
  /// As the server names it.
  public static let contentType = "application/json"

  /// All of a report.
  public static func render(_ report: StatusReport) -> [UInt8] {
    var json = JSONText()
    json.object {
      head(report, &$0)
      $0.member("ring") { $0.object { ring(report, &$0) } }
      $0.member("sources") { json in
        json.list(report.agent.sources.indices) { source(report, $1, &$0) }
      }
      $0.member("upstreams") { json in
        json.list(report.agent.upstreams.indices) { upstream(report, $1, &$0) }
      }
      $0.member("rates") { $0.object { rates(report, &$0) } }
      $0.member("topics") { $0.object { topics(report, &$0) } }
      $0.member("problems") { json in
        json.list(report.problems.lines) { problem($1, &$0) }
      }
      $0.member("clock") { $0.object { clock(report, &$0) } }
      $0.member("disk") { $0.object { disk(report, &$0) } }
      $0.member("process") { $0.object { process(report, &$0) } }
    }
    json.newline()
    return json.bytes
  }

  private static func head(_ report: StatusReport, _ json: inout JSONText) {
    let verdict = Verdict(report)
    json.member("agent", report.agent.detail.agentID)
    json.member("version", report.version)
    json.member("time", rfc3339(wallMicroseconds: report.now.wall))
    json.member("uptime_seconds", seconds: report.uptime)
    json.member("level", verdict.level.word)
    json.member("headline", verdict.headline)
    json.member("sentence", verdict.sentence)
    json.member("notes") { json in json.list(verdict.notes) { $0.value($1) } }
    json.member("health", report.agent.health.rawValue)
    json.member("ready", report.isReady)
    json.member("silence_seconds", seconds: report.silence)
  }

  private static func ring(_ report: StatusReport, _ json: inout JSONText) {
    let forecast = Forecast(report)
    json.member("bytes", UInt64(max(0, report.agent.ringByteCount)))
    json.member("kept_bytes", UInt64(max(0, report.agent.ringKeptByteCount)))
    json.member("limit_bytes", UInt64(max(0, report.agent.ringByteCountMax)))
    json.member("when_full", report.agent.detail.whenFull.rawValue)
    json.member("log", report.agent.log.description)
    json.member("durable_sequence", report.agent.durable)
    json.member("pending_events", UInt64(max(0, report.agent.detail.pendingCount)))
    json.member("gap_records", UInt64(max(0, report.agent.detail.gapCount)))
    json.member("memory_event_bytes", UInt64(max(0, report.agent.memoryByteCount)))
    json.member("bytes_per_event", decimal: forecast.bytesPerEvent)
    json.member("capacity_seconds", seconds: forecast.capacity)
    var (word, left): (String, Int64?) = ("unknown", nil)
    switch forecast.course {
    case .upToDate: word = "up-to-date"
    case .draining(let time): (word, left) = ("draining", time)
    case .filling(let time): (word, left) = ("filling", time)
    case .full: word = "full"
    case .standing: word = "standing"
    case .unknown: break
    }
    json.member("course", word)
    json.member("course_ends_in_seconds", seconds: left)
  }

  private static func link(
    _ report: StatusReport,
    _ time: StatusReport.LinkTime?,
    _ detail: AgentStatus.Link?,
    _ json: inout JSONText
  ) {
    json.member("url", detail?.url ?? "")
    if let detail, detail.brokerCount > 1 {
      json.member("broker", UInt64(max(0, detail.place)))
      json.member("brokers", UInt64(max(0, detail.brokerCount)))
    }
    json.member("connected", time?.isUp ?? false)
    json.member(
      "connection_age_seconds",
      seconds: time.map { max(0, report.now.boot.subtractingSaturated($0.since)) }
    )
    json.member("connects_since_start", time?.upCount ?? 0)
  }

  private static func source(_ report: StatusReport, _ index: Int, _ json: inout JSONText) {
    let ledger = report.agent.sources[index].ledger
    json.object {
      $0.member("name", ledger.name)
      link(report, report.sourceLinks[at: index], report.agent.detail.sources[at: index], &$0)
      $0.member("paused", ledger.isPaused)
      $0.member("received", ledger.received)
      $0.member("stored", ledger.stored)
      $0.member("dropped") { json in
        json.object { json in
          for reason in SourceDropReason.allCases {
            json.member(reason.description, ledger.dropped[reason.rawValue])
          }
        }
      }
      $0.member("possibly_redelivered", ledger.possiblyRedelivered)
    }
  }

  private static func upstream(_ report: StatusReport, _ index: Int, _ json: inout JSONText) {
    let upstream = report.agent.upstreams[index]
    let account = report.account(index)
    json.object {
      $0.member("name", upstream.ledger.name)
      link(report, report.upstreamLinks[at: index], report.agent.detail.upstreams[at: index], &$0)
      $0.member("offered", account.offered)
      $0.member("delivered", account.delivered)
      $0.member("filtered", account.filtered)
      $0.member("aggregated", account.aggregated)
      $0.member("dead_lettered", account.deadLettered)
      $0.member("dropped") { json in
        json.object { json in
          for reason in UpstreamDropReason.allCases {
            json.member(reason.description, account.dropped[reason.rawValue])
          }
        }
      }
      for (name, counts) in [("lost", account.lost), ("pending_lost", account.pendingLost)] {
        $0.member(name) { json in
          json.object { json in
            for reason in LossReason.allCases {
              json.member(reason.description, counts[reason.rawValue])
            }
          }
        }
      }
      $0.member("buffered", account.buffered)
      $0.member("in_flight_messages", UInt64(max(0, upstream.inFlightCount)))
      $0.member("refusals", upstream.refusalCount)
      $0.member("refused_because", upstream.refusalText ?? "")
      $0.member("unheard_messages", upstream.unheardCount)
      $0.member("unheard", upstream.isUnheard)
      let age = report.oldestArrivals[at: index] ?? nil
      $0.member("oldest_unsent_age_seconds", seconds: age?.microseconds)
      $0.member("oldest_unsent_age_is_at_least", age?.isAtLeast ?? false)
      $0.member("lag_seconds", seconds: report.lag(index))
      let pace = report.paces[at: index] ?? nil
      $0.member("offered_per_second", decimal: pace?.offered)
      $0.member("settled_per_second", decimal: pace?.settled)
    }
  }

  private static func rates(_ report: StatusReport, _ json: inout JSONText) {
    json.member("received_per_second", decimal: report.history.presentRate(\.received))
    json.member("delivered_per_second", decimal: report.history.presentRate(\.delivered))
    let series = [
      ("last_15_minutes", report.history.quarterHour), ("last_24_hours", report.history.day),
    ]
    for (name, series) in series {
      json.member(name) {
        $0.object {
          $0.member("bucket_seconds", seconds: series.width)
          $0.member("received_per_second") { json in
            json.list(series.rates(\.received)) { $0.value(decimal: $1) }
          }
          $0.member("delivered_per_second") { json in
            json.list(series.rates(\.delivered)) { $0.value(decimal: $1) }
          }
        }
      }
    }
  }

  private static func topics(_ report: StatusReport, _ json: inout JSONText) {
    json.member("known", UInt64(report.topicCount))
    json.member("limit", UInt64(report.topicCountMax))
    json.member("forgotten", report.forgottenTopicCount)
    for (name, topics) in [("loudest", report.loudest), ("silent", report.silent)] {
      json.member(name) { json in
        json.list(topics) { json, topic in
          json.object {
            $0.member("topic", String(decoding: topic.name, as: UTF8.self))
            $0.member("is_shortened", topic.byteCount > topic.name.count)
            $0.member("events_per_second", decimal: topic.eventRate)
            $0.member("payload_bytes_per_second", decimal: topic.payloadByteRate)
            $0.member("events", topic.eventCount)
            $0.member("payload_bytes", topic.payloadByteCount)
            $0.member("dropped", topic.droppedCount)
            $0.member(
              "silence_seconds",
              seconds: max(0, report.now.boot.subtractingSaturated(topic.lastAt))
            )
            $0.member("interval_seconds", seconds: topic.interval)
          }
        }
      }
    }
  }

  private static func problem(_ problem: RecentProblems.Problem, _ json: inout JSONText) {
    json.object {
      $0.member("time", rfc3339(wallMicroseconds: problem.at.wall))
      $0.member("level", problem.level == .error ? "error" : "warning")
      $0.member("message", problem.message)
      $0.member("count", problem.count)
    }
  }

  private static func clock(_ report: StatusReport, _ json: inout JSONText) {
    json.member("credible", ClockWatch.isCredible(report.now))
    json.member("synchronised") { json in
      if let isSynchronised = report.machine.isClockSynchronised {
        json.value(isSynchronised)
      } else {
        json.null()
      }
    }
    json.member("steps", report.clock.stepCount)
    json.member("last_step_seconds", seconds: report.clock.lastStep?.microseconds)
  }

  private static func disk(_ report: StatusReport, _ json: inout JSONText) {
    let device = report.machine.device
    json.member("written_bytes", report.disk.writtenByteCount)
    json.member(
      "written_bytes_per_day",
      optional: report.history.writtenPerDay(now: report.now.boot)
    )
    json.member("syncs", report.disk.syncCount)
    json.member("commits", report.disk.commits.count)
    json.member("commit_seconds_median_at_most", seconds: report.disk.commits.quantile(0.5))
    json.member("commit_seconds_p99_at_most", seconds: report.disk.commits.quantile(0.99))
    json.member("free_bytes", optional: report.machine.freeByteCount)
    json.member("device", device?.name ?? "")
    json.member("device_bytes", optional: device?.byteCount)
    json.member("device_written_bytes_since_boot", optional: device?.writtenByteCount)
    json.member(
      "life_used_percent_at_most",
      optional: device?.lifeUsedPercent.map { UInt64(max(0, $0)) }
    )
    json.member("years_left", decimal: device?.yearsLeft(now: report.now))
  }

  private static func process(_ report: StatusReport, _ json: inout JSONText) {
    json.member("resident_bytes", optional: report.machine.residentByteCount)
    json.member("cpu_seconds", seconds: report.machine.cpuMicroseconds.map { Int64(clamping: $0) })
    json.member("open_descriptors", optional: report.machine.descriptorCount)
    json.member("threads", optional: report.machine.threadCount)
  }
}

extension Array {
  /// The element at an index; nil where there is none.
  subscript(at index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
