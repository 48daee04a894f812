import CMosquitto
import CTLSCheck
import Glibc
import HoldfastLink

extension MosquittoClient {
  private static let listByteCountMax = 1 << 20

  /// Files are read anew for every connection, so that renewed certificates count at the next one.
  func apply(_ tls: TLSConfiguration) throws(LinkFailure) {
    if tls.sharedKey != nil {
      try applySharedKey(tls)
      return
    }
    let files = [tls.caFile, tls.certificateFile, tls.keyFile, tls.revocationFile]
    for file in files.compactMap(\.self) {
      guard unsafe access(file, R_OK) == 0 else {
        throw LinkFailure(.tls, "can't read \(file): \(errorText(errno))")
      }
    }
    if let file = tls.keyFile { try refuseOpenSecret(file) }
    try applyCheck(tls)
    if tls.caFile == nil { setOption(MOSQ_OPT_TLS_USE_OS_CERTS, 1) }
    // The library wants one place of CA certificates whenever it is given a client certificate.
    let directory = tls.caFile == nil ? "/etc/ssl/certs" : nil
    let code = unsafe mosquitto_tls_set(
      handle,
      tls.caFile,
      directory,
      tls.certificateFile,
      tls.keyFile,
      nil
    )
    guard code == 0 else { throw LinkFailure(.tls, "TLS settings: \(libraryText(code))") }
    try applyVersion(tls)
  }

  /// What everyone on the machine may read is no secret.
  private func refuseOpenSecret(_ file: String) throws(LinkFailure) {
    var status = stat()
    guard unsafe stat(file, &status) == 0 else {
      throw LinkFailure(.tls, "can't read \(file): \(errorText(errno))")
    }
    guard status.st_mode & S_IROTH == 0 else {
      throw LinkFailure(.tls, "every user of this machine can read \(file); chmod 640 it")
    }
  }

  /// A verification of our own, in place of the library's, which has no words for what is wrong and
  /// knows no revocation lists.
  private func applyCheck(_ tls: TLSConfiguration) throws(LinkFailure) {
    var lists: [UInt8] = []
    if let file = tls.revocationFile {
      lists = readSmallFile(file, byteCountMax: Self.listByteCountMax) ?? []
      guard !lists.isEmpty else { throw LinkFailure(.tls, "\(file) is empty") }
    }
    let check = unsafe lists.withUnsafeBytes {
      unsafe holdfast_tls_new(
        settings.link.host,
        tls.versionMin == .v13 ? 3 : 2,
        $0.baseAddress,
        $0.count
      )
    }
    guard let check = unsafe check else {
      let file = tls.revocationFile.map { "\($0) holds no revocation list" }
      throw LinkFailure(.tls, file ?? "no memory for TLS")
    }
    unsafe tlsCheck = check
    let context = unsafe holdfast_tls_context(check)
    let code = unsafe mosquitto_void_option(handle, MOSQ_OPT_SSL_CTX, context)
    guard code == 0 else { throw LinkFailure(.tls, "TLS settings: \(libraryText(code))") }
    setOption(MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 1)
  }

  /// The library's own way: it allows TLS 1.2 only, and no certificates.
  private func applySharedKey(_ tls: TLSConfiguration) throws(LinkFailure) {
    let code = unsafe mosquitto_tls_psk_set(handle, tls.sharedKey, tls.sharedKeyIdentity, nil)
    guard code == 0 else { throw LinkFailure(.tls, "shared key: \(libraryText(code))") }
    try applyVersion(tls)
  }

  private func applyVersion(_ tls: TLSConfiguration) throws(LinkFailure) {
    // 1: the peer's certificate must verify (SSL_VERIFY_PEER).
    let code = unsafe mosquitto_tls_opts_set(handle, 1, "tlsv\(tls.versionMin.rawValue)", nil)
    guard code == 0 else { throw LinkFailure(.tls, "TLS settings: \(libraryText(code))") }
  }

  /// Why the broker's certificate was refused; nil where it was not.
  var refusalOfPeer: String? {
    guard let tlsCheck = unsafe tlsCheck else { return nil }
    let reason = unsafe String(cString: holdfast_tls_reason(tlsCheck))
    return reason.isEmpty ? nil : reason
  }

  /// What the broker said when it ended the handshake; nil where it said nothing.
  var alertOfPeer: String? {
    guard let tlsCheck = unsafe tlsCheck else { return nil }
    let alert = unsafe String(cString: holdfast_tls_alert(tlsCheck))
    return alert.isEmpty ? nil : alert
  }

  /// The peer has closed, and nothing is left to read.
  var handshakeFailure: LinkFailure {
    LinkFailure(.tls, explainedTLSText ?? "closed during the TLS handshake")
  }

  /// When the broker's certificate ends, Unix seconds; 0: unknown.
  var peerCertificateEnd: Int64 {
    guard let tlsCheck = unsafe tlsCheck else { return 0 }
    return unsafe holdfast_tls_peer_end(tlsCheck)
  }
}
