import ArgumentParser
import HoldfastEvent
import HoldfastRingLog
import HoldfastSystem

/// `holdfast ring ls`: what the ring log holds.
struct RingList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls",
    abstract: "Lists segments, cursors with their lag, counters and gap records.",
    discussion: """
      EXAMPLES:
        holdfast ring ls
        holdfast ring ls --json --data-dir /tmp/holdfast-demo
      """
  )

  @OptionGroup var options: RingOptions

  func run() throws {
    let disk = options.disk()
    let ring = try options.inspect(disk)
    var output = StandardOutput()
    if options.json {
      try output.write(line: "\(ring.json(isLive: disk.isHeld()))")
    } else {
      try output.write(ring.text(isLive: disk.isHeld(), path: options.dataDir))
    }
    try output.flush()
  }
}

extension RingInspection {
  /// Events between a cursor and the end, gap records left out.
  func lag(_ ledger: UpstreamLedger, _ account: Account) -> UInt64 {
    var lag: UInt64 = 0
    for part in ledger.pending(in: 0..<account.durable + 1) {
      lag += part.upperBound - part.lowerBound
      for gap in account.gaps where gap.reason.coversNumbers {
        let lost = (gap.first..<gap.end).clamped(to: part)
        lag -= min(lag, lost.upperBound - lost.lowerBound)
      }
    }
    return lag
  }

  fileprivate func text(isLive: Bool, path: String) -> String {
    var text = "\(path)/\(directory): \(byteText(byteCount))"
    if let account { text += ", log \(account.log)" }
    text += ", \(isLive ? "an agent is running" : "no agent is running")\n\n"
    var rows = [["SEGMENT", "KIND", "FIRST", "LAST", "EVENTS", "SIZE"]]
    for segment in segmentSummaries {
      rows.append([
        segment.name, segment.isSealed ? "sealed" : "hot", "\(segment.first)",
        segment.end > segment.first ? "\(segment.end - 1)" : "-", "\(segment.eventCount)",
        byteText(segment.byteCount),
      ])
    }
    text += table(rows, right: [2, 3, 4, 5])
    if let account {
      text += "\n" + sourceTable(account) + "\n" + upstreamTable(account)
      if !account.gaps.isEmpty { text += "\n" }
      for gap in account.gaps { text += "gap  \(gap.text)\n" }
    }
    for remark in remarks { text += "note: \(remark)\n" }
    return text
  }

  private func sourceTable(_ account: Account) -> String {
    var rows = [["SOURCE", "RECEIVED", "STORED", "DROPPED", "REDELIVERED?", "CONNECTS"]]
    for source in account.sources {
      rows.append([
        source.name, "\(source.received)", "\(source.stored)",
        counts(source.dropped, SourceDropReason.allCases.map(\.description)),
        "\(source.possiblyRedelivered)", "\(source.connects)",
      ])
    }
    return table(rows, right: [1, 2, 3, 4, 5])
  }

  private func upstreamTable(_ account: Account) -> String {
    var rows = [
      [
        "UPSTREAM", "CURSOR", "LAG", "OFFERED", "DELIVERED", "FILTERED", "AGGREGATED",
        "DEAD-LETTER", "DROPPED", "LOST", "RESULTS",
      ]
    ]
    for upstream in account.upstreams {
      rows.append([
        upstream.name, "\(upstream.cursor)", "\(lag(upstream, account))", "\(upstream.offered)",
        "\(upstream.delivered)", "\(upstream.filtered)", "\(upstream.aggregated)",
        "\(upstream.deadLettered)",
        counts(upstream.dropped, UpstreamDropReason.allCases.map(\.description)),
        counts(upstream.lost, LossReason.allCases.map(\.description)), "\(upstream.derived)",
      ])
    }
    return table(rows, right: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  }

  /// `0`, or each reason with its count.
  private func counts(_ values: [UInt64], _ names: [String]) -> String {
    let parts = zip(values, names).filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    return parts.isEmpty ? "0" : parts.joined(separator: ", ")
  }

  fileprivate func json(isLive: Bool) -> JSONValue {
    var members: [(String, JSONValue)] = [
      ("directory", .text(directory)), ("bytes", .number(byteCount)), ("live", .bool(isLive)),
      ("end", .number(end)),
      (
        "segments",
        .list(
          segmentSummaries.map {
            .object([
              ("name", .text($0.name)), ("kind", .text($0.isSealed ? "sealed" : "hot")),
              ("first", .number($0.first)), ("last", .number($0.end - 1)),
              ("events", .number($0.eventCount)), ("bytes", .number($0.byteCount)),
            ])
          }
        )
      ),
    ]
    if let account {
      members += [
        ("log", .text(account.log.description)), ("durable", .number(account.durable)),
        ("floor", .number(account.floor)), ("reserved", .number(account.reserved)),
        ("clean", .bool(account.isClean)), ("sources", .list(account.sources.map(\.json))),
        (
          "upstreams",
          .list(account.upstreams.map { $0.json(adding: [("lag", .number(lag($0, account)))]) })
        ),
        ("gaps", .list(account.gaps.map(\.json))),
      ]
    }
    members.append(("remarks", .list(remarks.map { .text($0) })))
    return .object(members)
  }
}

/// An object with the count of each reason.
private func reasons(_ values: [UInt64], _ names: [String]) -> JSONValue {
  .object(zip(names, values).map { ($0, .number($1)) })
}

extension SourceLedger {
  var json: JSONValue {
    .object([
      ("name", .text(name)), ("received", .number(received)), ("stored", .number(stored)),
      ("dropped", reasons(dropped, SourceDropReason.allCases.map(\.description))),
      ("possibly_redelivered", .number(possiblyRedelivered)), ("connects", .number(connects)),
    ])
  }
}

extension UpstreamLedger {
  func json(adding more: [(String, JSONValue)]) -> JSONValue {
    .object(
      [
        ("name", .text(name)), ("cursor", .number(cursor)),
        ("settled_ahead", .number(ahead.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) })),
        ("offered", .number(offered)),
        ("delivered", .number(delivered)), ("filtered", .number(filtered)),
        ("aggregated", .number(aggregated)), ("dead_lettered", .number(deadLettered)),
        ("dropped", reasons(dropped, UpstreamDropReason.allCases.map(\.description))),
        ("lost", reasons(lost, LossReason.allCases.map(\.description))),
        ("derived", .number(derived)), ("derived_delivered", .number(derivedDelivered)),
        ("derived_dead_lettered", .number(derivedDeadLettered)),
        ("derived_dropped", .number(derivedDropped)),
      ] + more
    )
  }
}
