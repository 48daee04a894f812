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
  (
    "a NUL by its number", base(source: #"client_id = "a\u0000""#),
    "7: a text holds the character NUL"
  ),
  (
    "a binary", "\u{1}\u{2}\u{3}",
    #"""
    1: column 1: not valid TOML: Error while parsing root table: expected keys, tables, \#
    whitespace or comments, saw '\u0001'
    """#
  ),
  (
    "JSON", "{\"agent\": {}}",
    """
    1: column 1: not valid TOML: Error while parsing root table: expected keys, tables, \
    whitespace or comments, saw '{'
    """
  ),
  (
    "YAML", "agent:\n  id: x\n",
    "1: column 6: not valid TOML: Error while parsing key-value pair: expected '=', saw ':'"
  ),
  (
    "an unclosed string", base(ring: "size = \"32MiB"),
    """
    2: column 14: not valid TOML: Error while parsing string: unescaped control \
    characters other than TAB (U+0009) are explicitly prohibited
    """
  ),
  (
    "an unclosed array", base(source: "x = ["),
    "8: column 3: not valid TOML: Error while parsing value: could not determine value type"
  ),
  (
    "a key twice", base(ring: "size = \"32MiB\"\nsize = \"32MiB\""),
    """
    3: column 8: not valid TOML: Error while parsing key-value pair: cannot redefine \
    existing string 'size'
    """
  ),
  (
    "a table twice", base() + "[agent]\n[agent]\n",
    """
    13: column 1: not valid TOML: Error while parsing table header: cannot redefine \
    existing table 'agent'
    """
  ),
  (
    "a variable without end", base(source: #"client_id = "${A""#),
    "7: client_id has ${ without }"
  ),
  (
    "a variable of no name", base(source: #"client_id = "${}""#),
    #"7: client_id has "${}""#
  ),
  (
    "a variable that isn't set, told on one line",
    base(source: "client_id = \"\"\"${A:?a\nb}\"\"\""),
    #"7: client_id needs the variable "A", which is not set: a\u{a}b"#
  ),
  (
    "a hundred thousand variables",
    base(source: "client_id = \"" + String(repeating: "${A:-x}", count: 100_000) + "\""),
    "7: client_id is above 64KiB with its variables filled in"
  ),
  (
    "nested without end", "a = " + String(repeating: "[", count: 200_000),
    "1: arrays and tables are nested too deeply"
  ),
  (
    "dotted without end", String(repeating: "a.", count: 100_000) + "a = 1",
    "1: the key has too many parts"
  ),
  (
    "an unknown table", base() + "[rings]\n",
    #"12: unknown key "rings" in the file"#
  ),
  (
    "an unknown key with control characters", base() + "\"a\\u001b[2J\" = 1\n",
    #"12: unknown key "a\u{1b}[2J" in [[upstream]] "central""#
  ),
  (
    "an unknown key of a kilobyte", base() + String(repeating: "k", count: 1024) + " = 1\n",
    """
    12: unknown key "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…" in \
    [[upstream]] "central"
    """
  ),
  (
    "agent as a text", "agent = 1\n" + base(),
    "1: agent must be one table, not a whole number"
  ),
  (
    "ring as a list", "[[ring]]\n" + base(),
    """
    2: column 1: not valid TOML: Error while parsing table header: cannot redefine \
    existing array 'ring' as table
    """
  ),
  (
    "33 sources", manySources(33) + upstream,
    "1: there are 33 [[source]], more than 32"
  ),
  (
    "a size of 0", base(ring: "size = 0"),
    "2: size of [ring] is 0, outside its range"
  ),
  (
    "a negative size", base(ring: "size = -9223372036854775808"),
    "2: size of [ring] is -9223372036854775808, outside its range"
  ),
  (
    "the greatest size", base(ring: "size = 9223372036854775807"),
    "2: size of [ring] is 9223372036854775807, outside its range"
  ),
  (
    "a size above 64 bits", base(ring: "size = 9223372036854775808"),
    """
    2: column 27: not valid TOML: Error while parsing decimal integer: \
    '9223372036854775808' is not representable in 64 bits
    """
  ),
  (
    "a size that is no number", base(ring: "size = nan"),
    "2: size of [ring] must be a size, not a number with a fraction"
  ),
  (
    "a size as infinity", base(ring: "size = inf"),
    "2: size of [ring] must be a size, not a number with a fraction"
  ),
  (
    "a size as a date", base(ring: "size = 1979-05-27"),
    "2: size of [ring] must be a size, not a date or time"
  ),
  (
    "a chain of one byte", base(ring: "chain_size = 1"),
    "2: chain_size of [ring] is 1, outside its range"
  ),
  (
    "a payload above a segment", base(ring: "size = \"32MiB\"\nmax_payload = \"8MiB\""),
    "3: max_payload of [ring] is above what a segment of this ring holds"
  ),
  (
    "an interval of nothing", base(ring: "commit_interval = \"0ms\""),
    #"2: commit_interval of [ring] is "0ms", outside its range"#
  ),
  (
    "an age of 3 centuries", base(ring: "max_age = \"109500d\""),
    #"2: max_age of [ring] is "109500d", outside its range"#
  ),
  (
    "a policy of another program", base(ring: "when_full = \"block\""),
    #"2: when_full of [ring] is "block""#
  ),
  (
    "an id with a slash", "[agent]\nid = \"../x\"\n" + source + upstream,
    #"2: id of [agent] is "../x""#
  ),
  (
    "an id with a line break", "[agent]\nid = \"a\\nb\"\n" + source + upstream,
    #"2: id of [agent] is "a\u{a}b""#
  ),
  (
    "a data directory that is relative", "[agent]\ndata_dir = \"x\"\n" + source + upstream,
    #"2: data_dir of [agent] is "x""#
  ),
  (
    "a data directory that is empty", "[agent]\ndata_dir = \"\"\n" + source + upstream,
    #"2: data_dir of [agent] is """#
  ),
  (
    "a receive maximum of 0", base(source: "receive_maximum = 0"),
    #"7: receive_maximum of [[source]] "floor" is 0, outside its range"#
  ),
  (
    "a receive maximum of 65536", base(source: "receive_maximum = 65536"),
    #"7: receive_maximum of [[source]] "floor" is 65536, outside its range"#
  ),
  (
    "a keep-alive of 0", base(source: "keep_alive = \"0s\""),
    #"7: keep_alive of [[source]] "floor" is "0s", outside its range"#
  ),
  (
    "a keep-alive of 18 hours and more", base(source: "keep_alive = \"65536s\""),
    #"7: keep_alive of [[source]] "floor" is "65536s", outside its range"#
  ),
  (
    "a keep-alive of milliseconds", base(source: "keep_alive = \"5001ms\""),
    #"7: keep_alive of [[source]] "floor" is not a whole number of seconds"#
  ),
  (
    "a session that never ends", base(source: "session_expiry = \"4294967295s\""),
    #"7: session_expiry of [[source]] "floor" is "4294967295s", outside its range"#
  ),
  (
    "a window of 0", base(upstream: "in_flight = 0"),
    #"11: in_flight of [[upstream]] "central" is 0, outside its range"#
  ),
  (
    "a window of 1001", base(upstream: "in_flight = 1001"),
    #"11: in_flight of [[upstream]] "central" is 1001, outside its range"#
  ),
  (
    "a shared subscription", topics("\"$share/g/a\""),
    #"4: topic filter "$share/g/a" of [[source]] "floor" is a shared subscription"#
  ),
  (
    "a filter twice", topics("\"a\", \"a\""),
    #"4: topic filter "a" of [[source]] "floor" stands twice"#
  ),
  (
    "257 filters", topics((0..<257).map { "\"t\($0)\"" }.joined(separator: ",")),
    #"4: topics of [[source]] "floor" holds 257 filters"#
  ),
  (
    "a filter with a line break", topics("\"a\\nb\""),
    #"4: topic filter "a\u{a}b" of [[source]] "floor" is no topic filter"#
  ),
  (
    "filters of two kinds", topics("\"a\", 1"),
    #"4: topics of [[source]] "floor" must hold strings, not a whole number"#
  ),
  (
    "a template with a wildcard", base(upstream: "topic = \"a/+\""),
    #"11: topic of [[upstream]] "central" is "a/+", which makes no topic"#
  ),
  (
    "a template with an unknown place", base(upstream: "topic = \"{nobody}\""),
    #"11: topic of [[upstream]] "central" has the unknown placeholder "{nobody}""#
  ),
  (
    "a template with an open brace", base(upstream: "topic = \"{topic\""),
    #"11: topic of [[upstream]] "central" has a brace without its partner"#
  ),
  (
    "a template of nothing", base(upstream: "topic = \"\""),
    #"11: topic of [[upstream]] "central" is "", which makes no topic"#
  ),
  (
    "{topic} in a batch", base(upstream: "format = \"json\"\ntopic = \"{topic}\""),
    """
    12: topic of [[upstream]] "central" uses {topic}, and a batch holds events of many \
    topics
    """
  ),
  (
    "compression of events", base(upstream: "compression = \"zstd\""),
    #"11: compression of [[upstream]] "central" is for batches, and format is "event""#
  ),
  (
    "dead letters above the ring", base(upstream: "dead_letter_size = \"1GiB\""),
    """
    11: dead_letter_size of [[upstream]] "central" makes dead letters of all upstreams \
    exceed half the ring
    """
  ),
  (
    "a password without a name", base(source: "password = \"x\""),
    #"7: password of [[source]] "floor" is given without username"#
  ),
  (
    "a password file that is a device",
    base(source: "username = \"u\"\npassword_file = \"/dev/zero\""),
    #"8: password_file of [[source]] "floor" names "/dev/zero", which is not a regular file"#
  ),
  (
    "a password file that is a directory", base(source: "username = \"u\"\npassword_file = \"/\""),
    #"8: password_file of [[source]] "floor" names "/", which is not a regular file"#
  ),
  (
    "TLS settings without TLS", base(source: "tls = {}"),
    #"7: tls of [[source]] "floor" is given for a link without TLS"#
  ),
  (
    "the broker's own loop", loop,
    """
    5: topic of [[upstream]] "central" makes a loop: "#" goes to mqtt://localhost:1883, \
    where [[source]] "floor" takes "sensors/#"
    """
  ),
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

private func base(
  ring: String = "",
  source lines: String = "",
  upstream more: String = ""
) -> String {
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
  (
    "no command", [],
    "taken by Holdfast"
  ),
  (
    "an unknown command", ["start"],
    "64: Unexpected argument 'start'"
  ),
  (
    "an option for a command", ["--config"],
    "64: Unknown option '--config'"
  ),
  (
    "an unknown option", ["run", "--nobody"],
    "64: Unknown option '--nobody'"
  ),
  (
    "an option without its value", ["run", "--config"],
    "64: Missing value for '--config <file>'"
  ),
  (
    "an option twice", ["check", "--config", "a", "--config", "b"],
    "taken by Check"
  ),
  (
    "a word too many", ["check", "a"],
    "64: Unexpected argument 'a'"
  ),
  (
    "an empty word", [""],
    "64: Unexpected argument ''"
  ),
  (
    "a number that is negative", ["ring", "cat", "--from", "-1"],
    "64: Missing value for '--from <number>'"
  ),
  (
    "a number above 64 bits", ["ring", "cat", "--from", "18446744073709551616"],
    "64: The value '18446744073709551616' is invalid for '--from <number>'"
  ),
  (
    "the greatest number", ["ring", "cat", "--from", "18446744073709551615"],
    "taken by RingCat"
  ),
  (
    "number zero", ["ring", "cat", "--from", "0"],
    "taken by RingCat"
  ),
  (
    "a number in hexadecimal", ["ring", "cat", "--from", "0x1"],
    "64: The value '0x1' is invalid for '--from <number>'"
  ),
  (
    "a number with a fraction", ["ring", "cat", "--count", "1.5"],
    "64: The value '1.5' is invalid for '--count <number>'"
  ),
  (
    "a negative count", ["ring", "cat", "--count=-1"],
    "64: --count must not be negative."
  ),
  (
    "a count above 64 bits", ["ring", "cat", "--count", "9223372036854775808"],
    "64: The value '9223372036854775808' is invalid for '--count <number>'"
  ),
  (
    "a negative count of a tail", ["tail", "--count=-5"],
    "64: --count must not be negative."
  ),
  (
    "a filter that is none", ["ring", "cat", "--topic", "a/#/b"],
    """
    64: The value 'a/#/b' is invalid for '--topic <filter>': "a/#/b" is not an MQTT \
    topic filter.
    """
  ),
  (
    "an empty filter", ["tail", ""],
    #"64: The value '' is invalid for '<filter>': "" is not an MQTT topic filter."#
  ),
  (
    "a filter with text at its wildcard", ["tail", "a+"],
    #"64: The value 'a+' is invalid for '<filter>': "a+" is not an MQTT topic filter."#
  ),
  (
    "two filters", ["tail", "a", "b"],
    "64: Unexpected argument 'b'"
  ),
  (
    "an empty directory", ["ring", "ls", "--data-dir", ""],
    "64: --data-dir must not be empty."
  ),
  (
    "a directory of a verify", ["ring", "verify", "--data-dir="],
    "64: Missing value for '--data-dir <directory>'"
  ),
  (
    "a resend to nobody", ["ring", "resend"],
    "64: Missing expected argument '--upstream <name>'"
  ),
  (
    "an unknown look", ["ring", "rm"],
    "64: Unexpected argument 'rm'"
  ),
  (
    "a flag with a value", ["ring", "ls", "--json=yes"],
    "64: The option '--json' does not take any value, but 'yes' was specified."
  ),
  (
    "two dashes alone", ["--"],
    "taken by Holdfast"
  ),
  (
    "an option of another command", ["ring", "ls", "--count", "1"],
    "64: Unknown option '--count'"
  ),
])
