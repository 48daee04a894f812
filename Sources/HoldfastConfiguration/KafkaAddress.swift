/// Where to ask for a cluster's brokers, as read from a URL.
struct KafkaAddress: Equatable {
  static let scheme = "kafka://"
  static let defaultPort: UInt16 = 9092
  static let brokerCountMax = 32

  var brokers: [(host: String, port: UInt16)]

  static func == (first: Self, second: Self) -> Bool { first.text == second.text }

  /// `HOST:PORT,HOST:PORT`.
  var text: String {
    brokers.map { host, port in
      host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }.joined(separator: ",")
  }

  /// Reads `kafka://HOST[:PORT],HOST[:PORT]`; the port defaults to 9092.
  init(url: String) throws(BrokerAddressError) {
    guard !url.utf8.contains(UInt8(ascii: "@")) else {
      throw BrokerAddressError(
        what: "holds a user name or password",
        remedy: "move them to \"sasl.username\" and \"sasl.password_file\" in [upstream.kafka]:"
          + " a URL is shown in logs"
      )
    }
    let parts = url.dropFirst(Self.scheme.count)
      .split(separator: ",", omittingEmptySubsequences: false)
    guard parts.count <= Self.brokerCountMax else {
      throw BrokerAddressError(
        what: "names \(parts.count) brokers",
        remedy: "give at most \(Self.brokerCountMax): one is enough to find the others"
      )
    }
    brokers = []
    for part in parts {
      // The rest of a broker's address has the rules of MQTT's.
      do {
        let address = try BrokerAddress(url: "mqtt://\(part.filter { $0 != " " })")
        let hasPort =
          part.last != "]" && part.split(separator: "]").last?.contains(":") == true
        brokers.append((address.host, hasPort ? address.port : Self.defaultPort))
      } catch {
        throw BrokerAddressError(
          what: error.what,
          remedy: "write kafka://HOST:PORT,HOST:PORT"
        )
      }
    }
  }
}
