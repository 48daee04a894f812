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
    case 2...5:
      LinkFailure(.refused, unsafe String(cString: mosquitto_connack_string(code)))
    default:
      LinkFailure(.refused, reasonText(code))
    }
  }

  private func failure(code: Int32, errorNumber: Int32) -> LinkFailure {
    if let disconnectReason {
      return LinkFailure(
        disconnectReason == 0x8e ? .sessionTakenOver : .closed,
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
      // Before CONNECT could be sent the handshake was under way.
      return isTLS && !hasWritten
        ? LinkFailure(.tls, "closed during the TLS handshake")
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

  private var tlsText: String {
    guard var text = errorLine else { return "TLS failed" }
    if let end = text.firstIndex(of: "]"), text.hasPrefix("OpenSSL Error[") {
      text = String(text[end...].dropFirst().drop { $0 == ":" || $0 == " " })
    }
    if text.contains("certificate verify failed") {
      text += "; check tls.ca_file, the host name in url and this machine's clock"
    }
    return text
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
