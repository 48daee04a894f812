import Glibc
import HoldfastAgent

extension DocumentReader {
  private static let hostCountMax = 16
  /// What a Unix socket's path may have (unix(7)), less the end.
  private static let socketPathByteCountMax = 107

  /// Who may ask for the status page over TCP, in words.
  private enum Reach: String, CaseIterable {
    case thisMachine = "this machine"
    case network = "the network"
  }

  /// `[status]`.
  func readStatus(_ table: TableReader) -> StatusConfiguration {
    table.rejectUnknownKeys(except: ConfigurationKeys.names(of: StatusKey.self))
    var status = StatusConfiguration()
    let reach = table.choice(StatusKey.reachableFrom, of: Reach.self) ?? .thisMachine
    if let text = table.text(StatusKey.listen) {
      status.listener = readListener(text, table, reach)
    }
    if let path = table.text(StatusKey.socket) {
      if path.utf8.count > Self.socketPathByteCountMax || path.hasSuffix("/") {
        table.error(
          StatusKey.socket,
          "is \(quoted(path))",
          "give a file's path of at most \(Self.socketPathByteCountMax) bytes, or \"\" for none"
        )
      }
      status.socketPath = path.isEmpty ? nil : path
    }
    status.hosts = readHosts(table)
    status.topicCountMax =
      table.integer(StatusKey.topicCountMax, in: 0...10_000) ?? status.topicCountMax
    return status
  }

  private func readListener(
    _ text: String,
    _ table: TableReader,
    _ reach: Reach
  ) -> StatusConfiguration.Listener? {
    if text.isEmpty { return nil }
    guard let listener = listener(text) else {
      table.error(
        StatusKey.listen,
        "is \(quoted(text))",
        "give an IP address and a port, such as \"127.0.0.1:9464\" or \"[::1]:9464\", or \"\" for none"
      )
      return nil
    }
    if reach == .thisMachine && !isLoopback(listener.address) {
      table.error(
        StatusKey.listen,
        "is \(quoted(text)), which others on the network can reach",
        "add reachable_from = \"the network\" if all of them may read topics and addresses there, "
          + "or listen at 127.0.0.1"
      )
    }
    return listener
  }

  private func listener(_ text: String) -> StatusConfiguration.Listener? {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }),
      let port = UInt16(digits)
    else { return nil }
    var address = text[..<colon]
    let isBracketed = address.hasPrefix("[") && address.hasSuffix("]")
    if isBracketed { address = address.dropFirst().dropLast() }
    guard isBracketed == address.contains(":"), addressBytes(String(address)) != nil else {
      return nil
    }
    return StatusConfiguration.Listener(address: String(address), port: port)
  }

  /// Four or sixteen bytes; nil for anything else than an address.
  private func addressBytes(_ text: String) -> [UInt8]? {
    for (family, byteCount) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: byteCount)
      if inet_pton(family, text, &bytes) == 1 { return bytes }
    }
    return nil
  }

  private func isLoopback(_ address: String) -> Bool {
    guard let bytes = addressBytes(address) else { return false }
    if bytes.count == 4 { return bytes[0] == 127 }
    return bytes.dropLast() == [UInt8](repeating: 0, count: 15)[...] && bytes[15] == 1
  }

  private func readHosts(_ table: TableReader) -> [String] {
    guard let texts = table.texts(StatusKey.hosts, example: "[\"gateway-7.example\"]") else {
      return []
    }
    if texts.count > Self.hostCountMax {
      table.error(
        StatusKey.hosts,
        "has \(texts.count) names",
        "give at most \(Self.hostCountMax)"
      )
    }
    for (text, line) in texts where !isHostName(text) {
      problems.error(
        StatusKey.hosts.rawValue,
        line: line,
        "hosts of \(table.title) has \(quoted(text))",
        "give a host's name without a port; IP addresses and localhost need not stand there"
      )
    }
    return texts.map(\.text)
  }

  private func isHostName(_ text: String) -> Bool {
    (1...253).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
          UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }
}
