import ArgumentParser
import HoldfastRingLog
import HoldfastSystem

/// `holdfast ring verify`: whether all is there and the accounts balance.
struct RingVerify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Reads every block and balances the accounts.",
    discussion: """
      Ends with 0 when all that some upstream needs can be read, or is explained
      by a gap record, and the accounts balance; with 65 when not. Beside a
      running agent the sums move, so that only damage counts.

      EXAMPLES:
        holdfast ring verify
        holdfast ring verify --json --data-dir /mnt/card/holdfast
      """
  )

  @OptionGroup var options: RingOptions

  func run() throws {
    let disk = options.disk()
    let ring = try options.inspect(disk)
    var progress = Progress("verify")
    let (first, last) = (ring.oldest, ring.end)
    let result = ring.verify(isLive: disk.isHeld()) {
      progress.show($0 - min($0, first), of: last - min(last, first))
    }
    progress.clear()
    var output = StandardOutput()
    if options.json {
      try output.write(line: "\(result.json(remarks: ring.remarks))")
    } else {
      try output.write(result.text)
      for remark in ring.remarks { try output.write(line: "note: \(remark)") }
    }
    try output.flush()
    if !result.isGood { throw ExitCode(ExitStatus.data) }
  }
}

extension RingVerification {
  fileprivate var text: String {
    var text = "read \(eventCount) events in \(blockCount) blocks\n"
    if wasLive { text += "an agent is running: sums move while they are read\n" }
    if !hasAccount { text += "BAD  the state file can't be read: no accounts to check\n" }
    for range in unrecorded {
      text +=
        "BAD  \(range.lowerBound)-\(range.upperBound - 1) can't be read, and no gap record says so\n"
    }
    if unneededCount > 0 {
      text += "\(unneededCount) numbers that no upstream needs any more can't be read\n"
    }
    for source in sources {
      let dropped = source.dropped.reduce(0, &+)
      text +=
        "\(mark(source.isBalanced))  source \(source.name): \(source.received) received = "
        + "\(source.stored) stored + \(dropped) dropped\n"
    }
    for upstream in upstreams {
      let ledger = upstream.ledger
      let dropped = ledger.dropped.reduce(0, &+)
      let lost = ledger.lost.reduce(0, &+) &+ upstream.lostAhead
      text +=
        "\(mark(upstream.isBalanced))  upstream \(ledger.name): \(ledger.offered) offered = "
        + "\(ledger.delivered) delivered + \(ledger.filtered) filtered + "
        + "\(ledger.aggregated) aggregated + \(ledger.deadLettered) dead-letter + \(dropped) dropped + \(lost) lost + "
        + "\(upstream.buffered) buffered"
      if upstream.unreadable > 0 { text += " + \(upstream.unreadable) unreadable" }
      if !upstream.isBalanced { text += ", which is \(upstream.accounted)" }
      text += "\n"
      if ledger.derived > 0 {
        text +=
          "    \(ledger.derived) results derived = \(ledger.derivedDelivered) delivered + "
          + "\(ledger.derivedDeadLettered) dead-letter + \(ledger.derivedDropped) dropped\n"
      }
    }
    return text + (isGood ? "good\n" : "not good\n")
  }

  private func mark(_ isBalanced: Bool) -> String {
    isBalanced ? "ok " : wasLive ? "?  " : "BAD"
  }

  fileprivate func json(remarks: [String]) -> JSONValue {
    .object([
      ("good", .bool(isGood)), ("live", .bool(wasLive)), ("state_readable", .bool(hasAccount)),
      ("events", .number(eventCount)), ("blocks", .number(blockCount)),
      ("unused", .number(unusedCount)), ("unneeded_unreadable", .number(unneededCount)),
      (
        "unrecorded",
        .list(
          unrecorded.map {
            .object([("first", .number($0.lowerBound)), ("last", .number($0.upperBound - 1))])
          }
        )
      ),
      (
        "sources",
        .list(
          sources.map { .object([("account", $0.json), ("balanced", .bool($0.isBalanced))]) }
        )
      ),
      (
        "upstreams",
        .list(
          upstreams.map {
            $0.ledger.json(adding: [
              ("buffered", .number($0.buffered)), ("lost_ahead", .number($0.lostAhead)),
              ("unreadable", .number($0.unreadable)), ("balanced", .bool($0.isBalanced)),
            ])
          }
        )
      ),
      ("remarks", .list(remarks.map { .text($0) })),
    ])
  }
}
