import Glibc

/// A certificate authority of one test, by the openssl command: it issues, dates and revokes.
final class Authority {
  /// Its own certificate.
  let certificate: String
  private let directory: String
  private let scratch: Scratch

  init(_ name: String = "authority", in scratch: Scratch) async throws {
    self.scratch = scratch
    directory = try scratch.makeDirectory(name)
    certificate = "\(directory)/ca.pem"
    try writeText(
      "\(directory)/ca.conf",
      """
      [ca]
      default_ca = own
      [own]
      database = \(directory)/index
      new_certs_dir = \(directory)
      certificate = \(directory)/ca.pem
      private_key = \(directory)/ca.key
      rand_serial = yes
      default_md = sha256
      default_days = 400
      default_crl_days = 400
      unique_subject = no
      policy = names
      [names]
      commonName = supplied
      """
    )
    try writeText("\(directory)/index", "")
    try await openssl(
      "req \(Self.newKey) -x509 -days 3650 -subj /CN=\(name) -keyout ca.key -out ca.pem"
    )
  }

  private static let newKey = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

  /// A certificate with its key, `NAME.pem` and `NAME.key`.
  struct Pair {
    var certificate: String
    var key: String
  }

  /// Issues a certificate with that common name, for a `host` as subjectAltName has it, valid
  /// between two dates of openssl's (`20200101000000Z`); nil: valid today.
  func issue(
    _ name: String,
    host: String = "IP:127.0.0.1",
    from: String? = nil,
    to: String? = nil
  ) async throws -> Pair {
    try await openssl("req \(Self.newKey) -subj /CN=\(name) -keyout \(name).key -out \(name).csr")
    try writeText("\(directory)/\(name).names", "subjectAltName=\(host)\n")
    var command = "ca -config ca.conf -batch -notext -in \(name).csr -out \(name).pem"
    command += " -extfile \(name).names"
    if let from { command += " -startdate \(from)" }
    if let to { command += " -enddate \(to)" }
    try await openssl(command)
    return Pair(certificate: "\(directory)/\(name).pem", key: "\(directory)/\(name).key")
  }

  /// The list of what has been revoked, `pairs` now included.
  func revoke(_ pairs: [Pair]) async throws -> String {
    for pair in pairs { try await openssl("ca -config ca.conf -revoke \(pair.certificate)") }
    try await openssl("ca -config ca.conf -gencrl -out crl.pem")
    return "\(directory)/crl.pem"
  }

  private func openssl(_ arguments: String) async throws {
    let command = "cd \(directory) && umask 077 && openssl \(arguments)"
    let result = try await run("bash", ["-c", command], in: scratch)
    guard result.status == .code(0) else {
      throw TestFailure("openssl \(arguments): \(result.output)")
    }
    // Mosquitto reads what it needs as another user.
    for name in try await run("bash", ["-c", "ls \(directory)"], in: scratch).output
      .split(separator: "\n") where name.hasSuffix(".pem")
    {
      chmod("\(directory)/\(name)", 0o644)
    }
  }
}

extension Authority.Pair {
  /// The same files, where Mosquitto may read the key too.
  func forBroker() -> Authority.Pair {
    if getuid() == 0, let user = getpwnam("mosquitto") {
      chown(key, user.pointee.pw_uid, user.pointee.pw_gid)
    }
    return self
  }

  /// The lines of a Mosquitto listener.
  func listener(_ more: String...) -> [String] {
    ["certfile \(certificate)", "keyfile \(key)"] + more
  }
}

func copyFile(_ path: String, to target: String, mode: mode_t = 0o600) throws {
  try writeText(target + ".new", readText(path))
  chmod(target + ".new", mode)
  rename(target + ".new", target)
}
