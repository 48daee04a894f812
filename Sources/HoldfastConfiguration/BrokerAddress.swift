/// A broker's address as read from a URL.
struct BrokerAddress: Equatable {
  var host: String
  var port: UInt16
  var isTLS: Bool
}

/// Why a text is no broker URL, and what to do; holds nothing of the text, which may hold a
/// password.
struct BrokerAddressError: Error, Equatable {
  var what: String
  var remedy: String
}

extension BrokerAddress {
  static let hostByteCountMax = 253

  /// Reads `mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]`; the ports default to 1883 and 8883.
  init(url: String) throws(BrokerAddressError) {
    guard !url.utf8.contains(UInt8(ascii: "@")) else {
      throw BrokerAddressError(
        what: "holds a user name or password",
        remedy: "move them to username and password_file: a URL is shown in logs"
      )
    }
    guard let colon = url.firstIndex(of: ":"), url[colon...].hasPrefix("://") else {
      throw BrokerAddressError(
        what: "has no scheme",
        remedy: "write \"mqtt://HOST:PORT\" or \"mqtts://HOST:PORT\""
      )
    }
    switch url[..<colon].lowercased() {
    case "mqtt": isTLS = false
    case "mqtts": isTLS = true
    case "tcp":
      throw BrokerAddressError(what: "has the scheme tcp", remedy: "write mqtt:// instead")
    case "ssl", "tls":
      throw BrokerAddressError(what: "has the scheme ssl", remedy: "write mqtts:// instead")
    case "ws", "wss":
      throw BrokerAddressError(
        what: "asks for WebSockets",
        remedy: "give the broker's plain MQTT or MQTTS listener"
      )
    default:
      throw BrokerAddressError(
        what: "has an unknown scheme",
        remedy: "write mqtt:// or mqtts://"
      )
    }
    var rest = url[colon...].dropFirst(3)
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    guard !rest.contains(where: { "/?#".contains($0) }) else {
      throw BrokerAddressError(
        what: "goes on after the port",
        remedy: "leave out path and query: MQTT has none"
      )
    }
    let (host, port) = try Self.split(rest)
    self.host = host
    guard let port else {
      self.port = isTLS ? 8883 : 1883
      return
    }
    guard let number = UInt16(port), number > 0, !port.hasPrefix("+") else {
      throw BrokerAddressError(
        what: "has a port that is none",
        remedy: "give a number from 1 to 65535"
      )
    }
    self.port = number
  }

  /// Host, without brackets, and port text.
  private static func split(
    _ text: Substring
  ) throws(BrokerAddressError) -> (host: String, port: Substring?) {
    let host: Substring
    var port: Substring?
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else {
        throw BrokerAddressError(what: "has a [ without ]", remedy: "write mqtt://[ADDRESS]:PORT")
      }
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      guard rest.isEmpty || rest.hasPrefix(":") else {
        throw BrokerAddressError(
          what: "has something between ] and the port",
          remedy: "write mqtt://[ADDRESS]:PORT"
        )
      }
      if !rest.isEmpty { port = rest.dropFirst() }
      guard host.contains(":"), host.utf8.allSatisfy(isAddressByte) else {
        throw BrokerAddressError(
          what: "has no IPv6 address in its brackets",
          remedy: "write mqtt://[ADDRESS]:PORT"
        )
      }
    } else {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count <= 2 else {
        throw BrokerAddressError(
          what: "has more than one colon after the scheme",
          remedy: "put an IPv6 address in brackets: mqtt://[ADDRESS]:PORT"
        )
      }
      host = parts.first ?? ""
      if parts.count == 2 { port = parts[1] }
      guard !host.isEmpty else {
        throw BrokerAddressError(what: "has no host", remedy: "write mqtt://HOST:PORT")
      }
      guard host.utf8.allSatisfy(isHostByte) else {
        throw BrokerAddressError(
          what: "has a host with a character that host names don't have",
          remedy: "use letters, digits, \"-\" and \".\""
        )
      }
    }
    guard host.utf8.count <= hostByteCountMax else {
      throw BrokerAddressError(
        what: "has too long a host",
        remedy: "give at most \(hostByteCountMax) characters"
      )
    }
    return (String(host), port)
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// Of an IPv6 address with an optional zone.
  private static func isAddressByte(_ byte: UInt8) -> Bool {
    isHostByte(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "%")
  }
}

/// Whether two links lead to one broker, as far as their names tell.
///
/// Every name of this machine's loopback counts as one; other names are compared as written.
func isSameBroker(host: String, port: UInt16, as other: (host: String, port: UInt16)) -> Bool {
  port == other.port && canonicalHost(host) == canonicalHost(other.host)
}

func canonicalHost(_ host: String) -> String {
  var name = host.lowercased()
  while name.hasSuffix(".") { name.removeLast() }
  let isLoopback =
    ["localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"].contains(name)
    || isLoopbackIPv4(name) || isLoopbackIPv6(name)
  return isLoopback ? "127.0.0.1" : name
}

/// `127.*`; `0.0.0.0` too, which connects to this machine on Linux.
private func isLoopbackIPv4(_ name: String) -> Bool {
  let parts = name.split(separator: ".", omittingEmptySubsequences: false)
  guard parts.count == 4, parts.allSatisfy({ UInt8($0) != nil }) else { return false }
  return parts.first == "127" || name == "0.0.0.0"
}

/// `::1` in any spelling, `::`, and IPv4 loopback within IPv6.
private func isLoopbackIPv6(_ name: String) -> Bool {
  guard name.contains(":") else { return false }
  if name.hasPrefix("::ffff:") { return isLoopbackIPv4(String(name.dropFirst(7))) }
  let digits = name.filter { $0 != ":" && $0 != "0" }
  return digits.isEmpty || (digits == "1" && name.hasSuffix("1"))
}
