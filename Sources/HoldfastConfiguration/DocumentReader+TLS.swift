import CTLSCheck
import Glibc
import HoldfastLink

extension DocumentReader {
  private static let identityByteCountMax = 128
  private static let sharedKeyDigitCounts = 32...512

  /// The table `tls` of a link; nil if absent.
  func readTLS(_ table: TableReader) -> TLSConfiguration? {
    guard let node = table.entries[LinkKey.tls.rawValue] else { return nil }
    guard case .table(let entries) = node.value else {
      table.error(
        LinkKey.tls,
        "must be a table, not \(node.kind)",
        "write tls = { ca_file = \"…\" }"
      )
      return nil
    }
    let keys = TableReader(
      entries: entries,
      line: node.line,
      title: "tls of \(table.title)",
      problems: problems
    )
    keys.rejectUnknownKeys(except: ConfigurationKeys.tlsKeys)
    var tls = TLSConfiguration()
    tls.caFile = readPath(keys, .caFile) { warnAboutDates($0, .caFile, keys) }
    tls.certificateFile = readPath(keys, .certificateFile) {
      warnAboutDates($0, .certificateFile, keys)
    }
    tls.keyFile = readPath(keys, .keyFile) { refuseOpenSecret($0, .keyFile, keys) }
    tls.revocationFile = readPath(keys, .revocationFile) { _ in }
    tls.versionMin = keys.choice(TLSKey.versionMin, of: TLSVersion.self) ?? tls.versionMin
    pair(.certificateFile, .keyFile, in: keys)
    pair(.sharedKeyIdentity, .sharedKeyFile, in: keys)
    readSharedKey(keys, into: &tls)
    return tls
  }

  /// Two keys of which one means nothing.
  private func pair(_ first: TLSKey, _ second: TLSKey, in table: TableReader) {
    guard table.has(first) != table.has(second) else { return }
    let (given, missing) = table.has(first) ? (first, second) : (second, first)
    table.error(given, "is given without \(missing.rawValue)", "add \(missing.rawValue) = \"…\"")
  }

  /// A key that both ends know, in place of certificates.
  private func readSharedKey(_ table: TableReader, into tls: inout TLSConfiguration) {
    guard table.has(TLSKey.sharedKeyFile) || table.has(TLSKey.sharedKeyIdentity) else { return }
    let foreign: [TLSKey] = [.caFile, .certificateFile, .keyFile, .revocationFile]
    for key in foreign where table.has(key) {
      table.error(
        key,
        "is given beside psk_file",
        "keep one of the two: with a shared key there are no certificates"
      )
    }
    if tls.versionMin == .v13 {
      table.error(
        TLSKey.versionMin,
        "is \"1.3\", and a shared key works with TLS 1.2",
        "give \"1.2\", or certificates in place of psk_file"
      )
    }
    if let identity = table.text(TLSKey.sharedKeyIdentity) {
      let isFitting =
        (1...Self.identityByteCountMax).contains(identity.utf8.count)
        && identity.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
      if isFitting {
        tls.sharedKeyIdentity = identity
      } else {
        table.error(
          TLSKey.sharedKeyIdentity,
          "is \(quoted(identity))",
          "give 1 to \(Self.identityByteCountMax) bytes without control characters"
        )
      }
    }
    guard let path = table.text(TLSKey.sharedKeyFile),
      let text = readSecret(path, TLSKey.sharedKeyFile, table, holding: "key")
    else { return }
    let isHexadecimal = text.utf8.allSatisfy { byte in
      Character(Unicode.Scalar(byte)).isHexDigit
    }
    guard isHexadecimal, text.utf8.count % 2 == 0,
      Self.sharedKeyDigitCounts.contains(text.utf8.count)
    else {
      table.error(
        TLSKey.sharedKeyFile,
        "names \(quoted(path)), which holds no key",
        "put it there as an even number of hexadecimal digits, 32 to 512 (openssl rand -hex 32)"
      )
      return
    }
    tls.sharedKey = text
  }

  /// The path of a PEM file.
  ///
  /// One that can't be read now is a warning only: certificates come and go while the agent must
  /// go on storing events.
  private func readPath(
    _ table: TableReader,
    _ key: TLSKey,
    _ check: (SmallFile) -> Void
  ) -> String? {
    guard let text = table.text(key) else { return nil }
    guard !text.isEmpty else {
      table.error(key, "is empty", "give the path of a PEM file, or remove it")
      return nil
    }
    let path = resolved(text, besides: file)
    do {
      check(try SmallFile(path: path, byteCountMax: SmallFile.configurationByteCountMax))
    } catch {
      table.warn(
        key,
        "names \(quoted(text)), which \(error.what)",
        "put it there: until then the link can't be made"
      )
    }
    return path
  }

  private func refuseOpenSecret(_ pem: SmallFile, _ key: TLSKey, _ table: TableReader) {
    guard pem.isWorldReadable, let path = table.text(key) else { return }
    table.error(
      key,
      "names \(quoted(path)), which every user of this machine can read",
      "chmod 640 it"
    )
  }

  /// Certificates that have ended, or end within 30 days by this machine's clock.
  private func warnAboutDates(_ pem: SmallFile, _ key: TLSKey, _ table: TableReader) {
    guard let path = table.text(key) else { return }
    var begin: Int64 = 0
    var end: Int64 = 0
    let count = pem.bytes.withUnsafeBytes {
      holdfast_certificates_read($0.baseAddress, $0.count, &begin, &end)
    }
    if count == 0 {
      table.warn(
        key,
        "names \(quoted(path)), which holds no certificate",
        "put one there in PEM form: until then the link can't be made"
      )
      return
    }
    let secondsLeft = end - Int64(time(nil))
    guard secondsLeft < 30 * 86_400 else { return }
    let when = secondsLeft <= 0 ? "has ended" : "ends in \(secondsLeft / 86_400) days"
    table.warn(key, "names \(quoted(path)), where a certificate \(when)", "renew it")
  }
}
