import ArgumentParser
import HoldfastConfiguration
@testable import holdfast

/// Every problem of a small configuration to which lines are added, the first one as it is shown.
let hostileConfigurations = HostileArea<String>("configuration") { text in
  do throws(ConfigurationError) {
    let loaded = try ConfigurationFile.load(text: text, file: "f", defaultAgentID: "edge-1")
    return "taken, \(loaded.warnings.count) warnings"
  } catch {
    let first = error.problems.first.map { "\($0.line): \($0.what)" } ?? "none"
    return error.problems.count == 1 ? first : "\(first) (and \(error.problems.count - 1) more)"
  }
}.rows([
  ("empty", "", "1: there is no [[source]] (and 1 more)"),
  ("blanks only", "  \n\t\n", "1: there is no [[source]] (and 1 more)"),
  ("a comment only", "# nothing", "1: there is no [[source]] (and 1 more)"),
  ("a NUL", "a\0b", "1: the file holds a NUL byte"),
  ("a NUL on the third line", "\n\na = \"\0\"", "3: the file holds a NUL byte"),
  ("a NUL by its number", base(source: #"client_id = "a\u0000""#), "7: a text holds the character NUL"),
  ("a binary", "\u{1}\u{2}\u{3}", "1: there is no [[source]] (and 1 more)"),
  ("JSON", "{\"agent\": {}}", ""),
  ("YAML", "agent:\n  id: x\n", ""),
  ("an unclosed string", base(ring: "size = \"32MiB"), ""),
  ("an unclosed array", base(source: "x = ["), ""),
  ("a key twice", base(ring: "size = \"32MiB\"\nsize = \"32MiB\""), ""),
  ("a table twice", base() + "[agent]\n[agent]\n", ""),
  ("nested without end", "a = " + String(repeating: "[", count: 200_000), ""),
  ("dotted without end", String(repeating: "a.", count: 100_000) + "a = 1", ""),
  ("an unknown table", base() + "[rings]\n", ""),
  ("an unknown key with control characters", base() + "\"a\\u001b[2J\" = 1\n", ""),
  ("an unknown key of a kilobyte", base() + String(repeating: "k", count: 1024) + " = 1\n", ""),
  ("agent as a text", "agent = 1\n" + base(), ""),
  ("ring as a list", "[[ring]]\n" + base(), ""),
  ("33 sources", manySources(33) + upstream, ""),
  ("a size of 0", base(ring: "size = 0"), ""),
  ("a negative size", base(ring: "size = -9223372036854775808"), ""),
  ("the greatest size", base(ring: "size = 9223372036854775807"), ""),
  ("a size above 64 bits", base(ring: "size = 9223372036854775808"), ""),
  ("a size that is no number", base(ring: "size = nan"), ""),
  ("a size as infinity", base(ring: "size = inf"), ""),
  ("a size as a date", base(ring: "size = 1979-05-27"), ""),
  ("a chain of one byte", base(ring: "chain_size = 1"), ""),
  ("a payload above a segment", base(ring: "size = \"32MiB\"\nmax_payload = \"8MiB\""), ""),
  ("an interval of nothing", base(ring: "commit_interval = \"0ms\""), ""),
  ("an age of 3 centuries", base(ring: "max_age = \"109500d\""), ""),
  ("a policy of another program", base(ring: "when_full = \"block\""), ""),
  ("an id with a slash", "[agent]\nid = \"../x\"\n" + source + upstream, ""),
  ("an id with a line break", "[agent]\nid = \"a\\nb\"\n" + source + upstream, ""),
  ("a data directory that is relative", "[agent]\ndata_dir = \"x\"\n" + source + upstream, ""),
  ("a data directory that is empty", "[agent]\ndata_dir = \"\"\n" + source + upstream, ""),
  ("a receive maximum of 0", base(source: "receive_maximum = 0"), ""),
  ("a receive maximum of 65536", base(source: "receive_maximum = 65536"), ""),
  ("a keep-alive of 0", base(source: "keep_alive = \"0s\""), ""),
  ("a keep-alive of 18 hours and more", base(source: "keep_alive = \"65536s\""), ""),
  ("a keep-alive of milliseconds", base(source: "keep_alive = \"5001ms\""), ""),
  ("a session that never ends", base(source: "session_expiry = \"4294967295s\""), ""),
  ("a window of 0", base(upstream: "in_flight = 0"), ""),
  ("a window of 1001", base(upstream: "in_flight = 1001"), ""),
  ("a shared subscription", topics("\"$share/g/a\""), ""),
  ("a filter twice", topics("\"a\", \"a\""), ""),
  ("257 filters", topics((0..<257).map { "\"t\($0)\"" }.joined(separator: ",")), ""),
  ("a filter with a line break", topics("\"a\\nb\""), ""),
  ("filters of two kinds", topics("\"a\", 1"), ""),
  ("a template with a wildcard", base(upstream: "topic = \"a/+\""), ""),
  ("a template with an unknown place", base(upstream: "topic = \"{nobody}\""), ""),
  ("a template with an open brace", base(upstream: "topic = \"{topic\""), ""),
  ("a template of nothing", base(upstream: "topic = \"\""), ""),
  ("{topic} in a batch", base(upstream: "format = \"json\"\ntopic = \"{topic}\""), ""),
  ("compression of events", base(upstream: "compression = \"zstd\""), ""),
  ("dead letters above the ring", base(upstream: "dead_letter_size = \"1GiB\""), ""),
  ("a password without a name", base(source: "password = \"x\""), ""),
  ("a password file that is a device", base(source: "username = \"u\"\npassword_file = \"/dev/zero\""), ""),
  ("a password file that is a directory", base(source: "username = \"u\"\npassword_file = \"/\""), ""),
  ("TLS settings without TLS", base(source: "tls = {}"), ""),
  ("the broker's own loop", loop, ""),
])

private let source = """
  [[source]]
  name = "floor"
  url = "mqtt://127.0.0.1:1883"
  topics = ["sensors/#"]

  """
private let upstream = """
  [[upstream]]
  name = "central"
  url = "mqtt://127.0.0.1:2883"

  """
private let loop = source + "[[upstream]]\nname = \"central\"\nurl = \"mqtt://localhost\"\n"

private func base(ring: String = "", source lines: String = "", upstream more: String = "") -> String {
  "[ring]\n\(ring)\n\(source)\(lines)\n\(upstream)\(more)\n"
}

private func topics(_ list: String) -> String {
  "[[source]]\nname = \"floor\"\nurl = \"mqtt://127.0.0.1:1883\"\ntopics = [\(list)]\n" + upstream
}

private func manySources(_ count: Int) -> String {
  (0..<count).map {
    "[[source]]\nname = \"s\($0)\"\nurl = \"mqtt://h\($0)\"\ntopics = [\"a\"]\n"
  }.joined()
}

/// The exit code, and the first line of what is said, of a command that is not run.
let hostileArguments = HostileArea<[String]>("command line") { arguments in
  do {
    let command = try Holdfast.parseAsRoot(arguments)
    return "taken by \(type(of: command))"
  } catch {
    let message = Holdfast.message(for: error).split(separator: "\n").first ?? ""
    return "\(Holdfast.exitCode(for: error).rawValue): \(message)"
  }
}.rows([
  ("no command", [], ""),
  ("an unknown command", ["start"], ""),
  ("an option for a command", ["--config"], ""),
  ("an unknown option", ["run", "--nobody"], ""),
  ("an option without its value", ["run", "--config"], ""),
  ("an option twice", ["check", "--config", "a", "--config", "b"], ""),
  ("a word too many", ["check", "a"], ""),
  ("an empty word", [""], ""),
  ("a number that is negative", ["ring", "cat", "--from", "-1"], ""),
  ("a number above 64 bits", ["ring", "cat", "--from", "18446744073709551616"], ""),
  ("the greatest number", ["ring", "cat", "--from", "18446744073709551615"], ""),
  ("number zero", ["ring", "cat", "--from", "0"], ""),
  ("a number in hexadecimal", ["ring", "cat", "--from", "0x1"], ""),
  ("a number with a fraction", ["ring", "cat", "--count", "1.5"], ""),
  ("a negative count", ["ring", "cat", "--count=-1"], ""),
  ("a count above 64 bits", ["ring", "cat", "--count", "9223372036854775808"], ""),
  ("a negative count of a tail", ["tail", "--count=-5"], ""),
  ("a filter that is none", ["ring", "cat", "--topic", "a/#/b"], ""),
  ("an empty filter", ["tail", ""], ""),
  ("a filter with text at its wildcard", ["tail", "a+"], ""),
  ("two filters", ["tail", "a", "b"], ""),
  ("an empty directory", ["ring", "ls", "--data-dir", ""], ""),
  ("a directory of a verify", ["ring", "verify", "--data-dir="], ""),
  ("a resend to nobody", ["ring", "resend"], ""),
  ("an unknown look", ["ring", "rm"], ""),
  ("a flag with a value", ["ring", "ls", "--json=yes"], ""),
  ("two dashes alone", ["--"], ""),
  ("an option of another command", ["ring", "ls", "--count", "1"], ""),
])
