import ArgumentParser

/// `mqtt://host:port`.
struct BrokerAddress: ExpressibleByArgument {
  var host: String
  var port: Int32

  init?(argument: String) {
    let scheme = "mqtt://"
    guard argument.hasPrefix(scheme) else { return nil }
    let rest = argument.dropFirst(scheme.count)
    guard let colon = rest.lastIndex(of: ":") else {
      (host, port) = (String(rest), 1883)
      return
    }
    guard let number = UInt16(rest[rest.index(after: colon)...]) else { return nil }
    (host, port) = (String(rest[..<colon]), Int32(number))
  }
}

/// The MQTT version a client speaks.
enum ProtocolVersion: String, ExpressibleByArgument {
  case mqtt311 = "3.1.1"
  case mqtt5 = "5"
}
