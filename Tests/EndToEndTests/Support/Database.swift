import Glibc

/// A PostgreSQL of our own on a Unix socket, run by the user `postgres`.
final class Database {
  private let scratch: Scratch
  private let directory: String
  private let server: ChildProcess

  /// Nil, and counted as skipped, where it can't be had.
  init?(in scratch: Scratch) async throws {
    self.scratch = scratch
    let round = "exactly once with PostgreSQL"
    guard let programs = Self.programs else {
      Ledger.skip(round, because: "no PostgreSQL server is installed")
      return nil
    }
    guard getuid() == 0, let user = getpwnam("postgres") else {
      Ledger.skip(
        round,
        because: "not root, or no user postgres: PostgreSQL refuses to run as root"
      )
      return nil
    }
    directory = try scratch.makeDirectory("postgres")
    chown(directory, user.pointee.pw_uid, user.pointee.pw_gid)
    let made = try await run(
      "setpriv",
      Self.asPostgres + [
        "\(programs)/initdb", "-D", "\(directory)/data", "-A", "trust", "-U", "postgres", "-N",
      ],
      in: scratch
    )
    guard made.status == .code(0) else {
      Ledger.skip(round, because: "initdb fails: \(made.output.suffix(200))")
      return nil
    }
    server = try ChildProcess(
      "setpriv",
      Self.asPostgres + [
        "\(programs)/postgres", "-D", "\(directory)/data", "-k", directory, "-c",
        "listen_addresses=", "-c", "shared_buffers=16MB",
      ],
      output: scratch.newPath("postgres.log")
    )
    let isUp = try await eventually(within: 30) { (try? self.value("SELECT 1")) == "1" }
    guard isUp else { throw TestFailure("PostgreSQL doesn't answer:\n\(server.tail)") }
  }

  deinit { server.send(signal: SIGINT) }

  private static let asPostgres = ["--reuid=postgres", "--regid=postgres", "--init-groups"]

  /// Debian puts each version into a directory of its own.
  private static var programs: String? {
    (13...18).reversed().map { "/usr/lib/postgresql/\($0)/bin" }
      .first { access("\($0)/initdb", X_OK) == 0 }
  }

  private var connection: [String] { ["-h", directory, "-U", "postgres", "-d", "postgres"] }

  /// The first value that a statement gives.
  func value(_ statement: String) throws -> String {
    let output = scratch.newPath("psql")
    let child = try ChildProcess("psql", connection + ["-qAtXc", statement], output: output)
    while child.status == nil { usleep(2000) }
    guard child.status == .code(0) else { throw TestFailure(child.output) }
    return child.output.split(separator: "\n").first.map(String.init) ?? ""
  }

  func makeTables() async throws {
    let made = try await run(
      "psql",
      connection + ["-qXv", "ON_ERROR_STOP=1", "-f", Self.recipe("tables.sql")],
      in: scratch
    )
    guard made.status == .code(0) else { throw TestFailure(made.output) }
  }

  /// The recipe's consumer, which runs until it is killed.
  func startConsumer(of events: String) throws -> ChildProcess {
    try ChildProcess(
      "/bin/sh",
      [Self.recipe("consume.sh"), events],
      output: scratch.newPath("consumer"),
      environment: [("PGHOST", directory), ("PGUSER", "postgres"), ("PGDATABASE", "postgres")]
    )
  }

  /// A file of `docs/exactly-once`, which is what the page shows.
  private static func recipe(_ name: String) -> String {
    let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    return "/\(root)/docs/exactly-once/\(name)"
  }
}
