import HoldfastEvent
import HoldfastLink

extension DocumentReader {
  private static let clientIDByteCountMax = 256
  private static let credentialByteCountMax = 65_535
  private static let fallbackCountMax = 4

  /// What sources and upstreams have in common; nil without a usable URL.
  func readLink(_ table: TableReader, defaultClientID: String) -> LinkConfiguration? {
    let tls = readTLS(table)
    let address = readAddress(table)
    // Read on with a stand-in, so that all that is wrong is told at once.
    var link = LinkConfiguration(host: address?.host ?? "", port: address?.port ?? 0)
    if address?.isTLS == true {
      link.tls = tls ?? TLSConfiguration()
    } else if address != nil && table.has(LinkKey.tls) {
      table.error(LinkKey.tls, "is given for a link without TLS", "write mqtts:// in url")
    }
    link.protocolPolicy =
      table.choice(LinkKey.protocolVersion, of: ProtocolPolicy.self) ?? link.protocolPolicy
    link.clientID = readClientID(table) ?? defaultClientID
    readCredentials(table, into: &link)
    if let keepAlive = seconds(table, LinkKey.keepAlive, in: 5...65_535) {
      link.keepAliveSeconds = UInt16(keepAlive)
    }
    readConnectTimes(table, into: &link)
    return address == nil ? nil : link
  }

  func readConnectTimes(_ table: TableReader, into link: inout LinkConfiguration) {
    link.connectTimeout =
      table.duration(LinkKey.connectTimeout, in: second...5 * minute) ?? link.connectTimeout
    link.backoffMax = table.duration(LinkKey.backoffMax, in: second...hour) ?? link.backoffMax
  }

  /// A duration of whole seconds, in seconds.
  func seconds(
    _ table: TableReader,
    _ key: some RawRepresentable<String>,
    in range: ClosedRange<Int64>
  ) -> Int64? {
    let bounds = range.lowerBound * second...range.upperBound * second
    guard let value = table.duration(key, in: bounds) else { return nil }
    guard value % second == 0 else {
      table.error(key, "is not a whole number of seconds", "round it: MQTT counts it in seconds")
      return nil
    }
    return value / second
  }

  private func readAddress(_ table: TableReader) -> BrokerAddress? {
    guard table.require(LinkKey.url, example: "\"mqtt://127.0.0.1:1883\""),
      let url = table.text(LinkKey.url)
    else { return nil }
    do {
      return try BrokerAddress(url: url)
    } catch {
      table.error(LinkKey.url, error.what, error.remedy)
      return nil
    }
  }

  /// `fallback_urls` and `primary_retry` of an upstream.
  func readFallbacks(_ table: TableReader, into link: inout LinkConfiguration?) {
    let retry = table.duration(UpstreamKey.primaryRetry, in: second...day)
    let example = "[\"mqtts://second.example.org\"]"
    let texts = table.texts(UpstreamKey.fallbackURLs, example: example) ?? []
    if texts.isEmpty && table.has(UpstreamKey.primaryRetry) {
      table.warn(
        UpstreamKey.primaryRetry,
        "has no effect without fallback_urls",
        "remove it, or add fallback_urls = \(example)"
      )
    }
    if texts.count > Self.fallbackCountMax {
      table.error(
        UpstreamKey.fallbackURLs,
        "holds \(texts.count) URLs",
        "give at most \(Self.fallbackCountMax)"
      )
      return
    }
    for (text, line) in texts {
      guard let wrong = addFallback(text, to: &link) else { continue }
      problems.error(
        UpstreamKey.fallbackURLs.rawValue,
        line: line,
        "fallback_urls of \(table.title) \(wrong.what)",
        wrong.remedy
      )
    }
    if let retry { link?.primaryRetry = retry }
  }

  /// Adds a broker to the list of a link; returns what is wrong with it instead.
  private func addFallback(
    _ url: String,
    to link: inout LinkConfiguration?
  ) -> BrokerAddressError? {
    do throws(BrokerAddressError) {
      let address = try BrokerAddress(url: url)
      guard let known = link else { return nil }
      if address.isTLS != (known.tls != nil) {
        return BrokerAddressError(
          what: "holds \(quoted(url)), and url \(known.tls == nil ? "has no TLS" : "has TLS")",
          remedy: "give all of them mqtts://, or all of them mqtt://"
        )
      }
      let isKnown = (0..<known.brokerCount).contains { place in
        let other = known.broker(at: place)
        return isSameBroker(host: other.host, port: other.port, as: (address.host, address.port))
      }
      if isKnown {
        return BrokerAddressError(
          what: "holds \(quoted(url)), which is in the list already",
          remedy: "name each broker once, the primary in url"
        )
      }
      link?.fallbacks.append(BrokerPlace(host: address.host, port: address.port))
      return nil
    } catch {
      return error
    }
  }

  func readClientID(_ table: TableReader) -> String? {
    guard let id = table.text(LinkKey.clientID) else { return nil }
    let isFitting =
      (1...Self.clientIDByteCountMax).contains(id.utf8.count)
      && id.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
    guard isFitting else {
      table.error(
        LinkKey.clientID,
        "is \(quoted(id))",
        "give 1 to \(Self.clientIDByteCountMax) bytes without control characters"
      )
      return nil
    }
    return id
  }

  private func readCredentials(_ table: TableReader, into link: inout LinkConfiguration) {
    if let username = table.text(LinkKey.username) {
      if username.isEmpty || username.utf8.count > Self.credentialByteCountMax {
        table.error(LinkKey.username, "is empty or too long", "give 1 to 65535 bytes, or remove it")
      } else {
        link.username = username
      }
    }
    link.password = readPassword(table)
    let key = table.has(LinkKey.password) ? LinkKey.password : .passwordFile
    if table.has(key) && !table.has(LinkKey.username) {
      table.error(key, "is given without username", "add username = \"…\"")
    }
  }

  private func readPassword(_ table: TableReader) -> String? {
    if table.has(LinkKey.password) && table.has(LinkKey.passwordFile) {
      table.error(LinkKey.passwordFile, "is given beside password", "keep one of the two")
      return nil
    }
    if let password = table.text(LinkKey.password) {
      if password.isEmpty || password.utf8.count > Self.credentialByteCountMax {
        table.error(LinkKey.password, "is empty or too long", "give 1 to 65535 bytes, or remove it")
        return nil
      }
      checkSecret(LinkKey.password, table)
      return password
    }
    guard let path = table.text(LinkKey.passwordFile) else { return nil }
    return readSecret(path, LinkKey.passwordFile, table, holding: "password")
  }

  /// A secret that stands in a file of the configuration itself.
  private func checkSecret(_ key: some RawRepresentable<String>, _ table: TableReader) {
    guard let node = table.entries[key.rawValue], !node.isFromVariable,
      isWorldReadable.indices.contains(node.line.file), isWorldReadable[node.line.file]
    else { return }
    table.error(
      key,
      "can be read by every user of this machine",
      "chmod 640 the file, or use password_file"
    )
  }

  /// The one line of a file that holds a secret; nil where there is none, which is told.
  ///
  /// A file that everyone on the machine may read is refused: what is known to all is no secret.
  func readSecret(
    _ path: String,
    _ key: some RawRepresentable<String>,
    _ table: TableReader,
    holding what: String
  ) -> String? {
    let secret: SmallFile
    do {
      secret = try SmallFile(
        path: resolved(path, besides: file),
        byteCountMax: SmallFile.secretByteCountMax
      )
    } catch {
      table.error(
        key,
        "names \(quoted(path)), which \(error.what)",
        "give a file that holds the \(what)"
      )
      return nil
    }
    if secret.isWorldReadable {
      table.error(
        key,
        "names \(quoted(path)), which every user of this machine can read",
        "chmod 640 it"
      )
      return nil
    }
    guard let text = secret.line, text.utf8.count <= Self.credentialByteCountMax
    else {
      table.error(
        key,
        "names \(quoted(path)), which holds no \(what)",
        "put it there as one line of UTF-8 text"
      )
      return nil
    }
    return text
  }
}
