import CTLSCheck
import Glibc
package import HoldfastEvent
package import HoldfastLink

/// What a link's certificates have left, told ahead of their end.
package enum CertificateDates {
  /// From so long before its end on a certificate is told, seconds.
  package static let notice: Int64 = 30 * 86_400
  /// Between two looks, microseconds: an agent may run for years.
  package static let interval: Int64 = 86_400_000_000
  private static let fileByteCountMax = 1 << 20

  /// Lines about certificates that end soon or have ended.
  ///
  /// - Parameters:
  ///   - title: the link, `source floor`.
  ///   - link: its settings.
  ///   - peerEnd: when the broker's certificate ends, Unix seconds; 0: unknown.
  ///   - now: Unix seconds.
  /// - Returns: a line for each; none without TLS.
  package static func warnings(
    _ title: String,
    _ link: LinkConfiguration,
    peerEnd: Int64,
    now: Int64
  ) -> [LogEntry] {
    guard let tls = link.tls else { return [] }
    var ends: [(what: String, end: Int64)] = []
    if peerEnd > 0 { ends.append(("the broker's certificate", peerEnd)) }
    for file in [tls.certificateFile, tls.caFile].compactMap(\.self) {
      guard let bytes = readSmallFile(file, byteCountMax: fileByteCountMax) else { continue }
      if let end = earliestEnd(bytes) { ends.append((file, end)) }
    }
    return ends.filter { $0.end - now < notice }.map { what, end in
      let days = (end - now) / 86_400
      let text =
        end <= now
        ? "has ended; renew it" : "ends in \(days) day\(days == 1 ? "" : "s"); renew it before"
      return LogEntry(.warning, "\(title): \(what) \(text)")
    }
  }

  /// When the first of the certificates in a PEM file ends, Unix seconds; nil where there is none.
  package static func earliestEnd(_ pem: [UInt8]) -> Int64? {
    var begin: Int64 = 0
    var end: Int64 = 0
    let count = unsafe pem.withUnsafeBytes {
      unsafe holdfast_certificates_read($0.baseAddress, $0.count, &begin, &end)
    }
    return count > 0 ? end : nil
  }
}
