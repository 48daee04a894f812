// What the library's error numbers, CONNACK's codes and DISCONNECT's reasons mean for a link.

import CMosquitto
import Glibc
import HoldfastLink

extension MosquittoClient {
  /// Throws what a loop call's result means; returns when the connection stands.
  func check(_ code: Int32, errorNumber: Int32) throws(LinkFailure) {
    if let refusal { throw refusal }
    if code != 0 || descriptor == nil { throw failure(code: code, errorNumber: errorNumber) }
  }

  /// Why `connect` failed: before there was a socket to talk over.
  func connectFailure(code: Int32, errorNumber: Int32) -> LinkFailure {
    switch mosq_err_t(code) {
    case MOSQ_ERR_ERRNO:
      LinkFailure(
        errorNumber == ETIMEDOUT ? .connectTimeout : .unreachable,
        errorText(errorNumber)
          + (addresses.count > 1 ? "; tried \(addresses.joined(separator: ", "))" : "")
      )
    case MOSQ_ERR_EAI:
      LinkFailure(
        .unreachable,
        "can't resolve \(settings.link.host): \(unsafe String(cString: gai_strerror(errorNumber)))"
      )
    case MOSQ_ERR_TLS, MOSQ_ERR_TLS_HANDSHAKE:
      LinkFailure(.tls, tlsText)
    default:
      LinkFailure(.unreachable, libraryText(code))
    }
  }

  /// What CONNACK's refusal means; both versions' codes, which don't overlap.
  func refusalFailure(code: Int32) -> LinkFailure {
    switch code {
    case 1, 0x84:
      LinkFailure(
        .unsupportedProtocolVersion,
        "the broker does not speak MQTT \(settings.version.rawValue)"
      )
    case 3:
      LinkFailure(.busy, unsafe String(cString: mosquitto_connack_string(code)))
    case _ where Self.busyReasons.contains(code):
      LinkFailure(.busy, reasonText(code))
    case 2...5:
      LinkFailure(.refused, unsafe String(cString: mosquitto_connack_string(code)))
    default:
      LinkFailure(.refused, reasonText(code))
    }
  }

  /// Server unavailable, server busy, message rate too high, quota exceeded, connection rate exceeded
  /// (MQTT 5, sections 3.2.2.2 and 3.14.2.1).
  private static let busyReasons: [Int32] = [0x88, 0x89, 0x96, 0x97, 0x9f]

  private func failure(code: Int32, errorNumber: Int32) -> LinkFailure {
    if let disconnectReason {
      let isBusy = Self.busyReasons.contains(disconnectReason)
      return LinkFailure(
        disconnectReason == 0x8e ? .sessionTakenOver : isBusy ? .busy : .closed,
        reasonText(disconnectReason),
        isExplained: true
      )
    }
    let isTLS = settings.link.tls != nil
    let error = mosq_err_t(code)
    if error == MOSQ_ERR_TLS || error == MOSQ_ERR_TLS_HANDSHAKE
      || isTLS && errorNumber == EPROTO && errorLine != nil
    {
      return LinkFailure(grant == nil ? .tls : .closed, tlsText)
    }
    if grant == nil {
      // With TLS 1.3 the broker's refusal comes when the handshake is over for us.
      if alertOfPeer != nil { return handshakeFailure }
      // Before CONNECT could be sent the handshake was under way.
      return isTLS && !hasWritten
        ? handshakeFailure
        : LinkFailure(.closedBeforeConnected, closeText(code, errorNumber))
    }
    if error == MOSQ_ERR_KEEPALIVE {
      return LinkFailure(
        .keepAliveTimeout,
        "no PINGRESP within \(settings.link.keepAliveSeconds) s"
      )
    }
    return LinkFailure(.closed, closeText(code, errorNumber))
  }

  private func closeText(_ code: Int32, _ errorNumber: Int32) -> String {
    switch mosq_err_t(code) {
    case MOSQ_ERR_SUCCESS, MOSQ_ERR_CONN_LOST: "closed by the broker"
    case MOSQ_ERR_ERRNO: errorText(errorNumber)
    default: libraryText(code)
    }
  }

  private var tlsText: String { explainedTLSText ?? "TLS failed" }

  /// Why TLS failed, as far as someone said so.
  var explainedTLSText: String? {
    if let reason = refusalOfPeer { return "certificate verify failed: \(reason)" }
    if let alert = alertOfPeer { return explained(alert: alert.lowercased()) }
    guard var text = errorLine else { return nil }
    if let end = text.firstIndex(of: "]"), text.hasPrefix("OpenSSL Error[") {
      text = String(text[end...].dropFirst().drop { $0 == ":" || $0 == " " })
    }
    // "error:0A000415:SSL routines::sslv3 alert certificate expired": the last part is for people.
    let words = text.firstRange(of: " routines:").map { text[$0.upperBound...] } ?? text[...]
    let plain = String(words.drop { $0 == ":" })
    let alert = plain.firstRange(of: " alert ").map { String(plain[$0.upperBound...]) }
    if settings.link.tls?.sharedKey != nil {
      return "no agreement on the shared key: \(alert ?? plain); check psk_identity and psk_file"
    }
    return alert.map { explained(alert: $0) } ?? plain
  }

  private func explained(alert: String) -> String {
    if alert.contains("certificate") || alert.hasPrefix("unknown ca") {
      return "the broker refuses our certificate: \(alert); check tls.cert_file"
    }
    if alert.hasPrefix("handshake failure") || alert.hasPrefix("protocol version") {
      return "no TLS version or cipher in common: \(alert); check tls.min_version and the listener"
    }
    return "the broker ends the handshake: \(alert)"
  }

  private func reasonText(_ code: Int32) -> String {
    unsafe String(cString: mosquitto_reason_string(code))
  }
}

/// The library's words for one of its error numbers.
func libraryText(_ code: Int32) -> String {
  var text = unsafe String(cString: mosquitto_strerror(code))
  while text.hasSuffix(".") || text.hasSuffix("\n") { text.removeLast() }
  return text
}
