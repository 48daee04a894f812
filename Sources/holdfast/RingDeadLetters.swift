import ArgumentParser
import HoldfastEvent
import HoldfastRingLog
import HoldfastUpstream

/// `holdfast ring dead-letters`: messages that upstreams refused for good.
struct RingDeadLetters: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead-letters",
    abstract: "Lists messages that an upstream refused for good.",
    discussion: """
      A line: upstream, first and last sequence number, topic, payload bytes,
      reason. With --json the payload comes along, in base64.

      EXAMPLES:
        holdfast ring dead-letters
        holdfast ring dead-letters --json
      """
  )

  @OptionGroup var options: RingOptions

  func run() throws {
    let disk = options.disk()
    var output = StandardOutput()
    let letters: [DeadLetter]
    do throws(DiskError) {
      letters = try Self.letters(on: disk)
    } catch {
      throw options.place.failure(error.errno == 2 ? .missing : .disk(error))
    }
    for letter in letters {
      try output.write(line: options.json ? "\(letter.json)" : letter.line)
    }
    try output.flush()
  }

  private static func letters(on disk: any Disk) throws(DiskError) -> [DeadLetter] {
    var letters: [DeadLetter] = []
    let directory = try RingInspection.directory(on: disk)
    for entry in try disk.list(directory).sorted(by: { $0.name < $1.name })
    where entry.kind == .file && entry.name.hasPrefix(RecordFile.deadLetterPrefix)
      && !entry.name.hasSuffix(".new")
    {
      let name = "\(directory)/\(entry.name)"
      let file = RecordFile(disk: disk, name: name, byteCountMax: entry.byteCount)
      for record in try file.records() {
        if let letter = DeadLetter(record: record) { letters.append(letter) }
      }
    }
    return letters
  }
}

extension DeadLetter {
  fileprivate var line: String {
    let last = max(first, end == 0 ? 0 : end - 1)
    return "\(printable(Array(upstream.utf8)[...]))  \(first)-\(last)  \(printable(topic[...]))  "
      + "\(payload.count) bytes  \(printable(Array(reason.utf8)[...]))"
  }

  fileprivate var json: JSONValue {
    .object([
      ("upstream", .text(upstream)), ("log", .text(log.description)), ("first", .number(first)),
      ("last", .number(end == 0 ? 0 : end - 1)), ("count", .number(count)),
      ("topic", .text(String(decoding: topic, as: UTF8.self))),
      ("payload_base64", .text(base64(payload[...]))), ("retained", .bool(isRetained)),
      ("reason", .text(reason)),
    ])
  }
}
