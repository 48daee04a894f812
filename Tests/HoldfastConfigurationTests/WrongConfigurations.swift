private typealias Wrong = WrongConfiguration

let wrongDocuments: [WrongConfiguration] = [
  Wrong("", "not valid TOML", sample(ring: "size = #!")),
  Wrong("", "not valid TOML", sample(ring: "size = \"64MiB #!")),
  Wrong("", "not valid TOML", sample(ring: "size = \"64MiB\"\nsize = \"65MiB\" #!")),
  Wrong("", "column 1", sample(top: "]] #!")),
  Wrong("", "NUL", sample(top: "\u{0} #!")),
  Wrong("", "NUL", sample(source: "client_id = \"a\\u0000b\" #!")),
  Wrong("", "nested too deeply", sample(top: "a = \(String(repeating: "[", count: 70)) #!")),
  Wrong("", "too many parts", sample(top: String(repeating: "a.", count: 70) + "a = 1 #!")),
  Wrong("", "name of a table", sample(end: "[=] #!")),
  Wrong("", "name of a table", sample(end: "[[[a]]] #!")),
  Wrong("", "in place of a value", sample(source: "client_id = [}] #!")),
  Wrong("", "expected comma", sample(sourceTopics: "topics = [\"a\"\nb = 3 #!", end: "[=]")),
  Wrong("agents", "did you mean \"agent\"?", sample(end: "[agents] #!")),
  Wrong("size", "move it to [ring]", sample(top: "size = \"64MiB\" #!")),
  Wrong("ring", "must be one table", "[[ring]] #!\n" + withoutRing),
  Wrong("agent", "must be one table", "agent = \"edge-1\" #!\n" + withoutAgent),
  Wrong("source", "begin each with [[source]]", sourceAsTable),
  Wrong("source", "must hold tables", "source = [1] #!\n" + upstreamOnly),
  Wrong("source", "there is no [[source]]", "source = [] #!\n" + upstreamOnly),
  Wrong("source", "there is no [[source]]", "#!\n" + upstreamOnly),
  Wrong("upstream", "there is no [[upstream]]", "#!\n" + sourceOnly),
  Wrong("source", "there are 33 [[source]]", "#!\n" + upstreamOnly + manySources(33)),
]

private let withoutRing = """
  [[source]]
  name = "a"
  url = "mqtt://h"
  topics = ["a"]
  [[upstream]]
  name = "b"
  url = "mqtt://i"
  """
private let withoutAgent = withoutRing
private let sourceAsTable = """
  [source] #!
  name = "a"
  url = "mqtt://h"
  topics = ["a"]
  [[upstream]]
  name = "b"
  url = "mqtt://i"
  """
private let upstreamOnly = """
  [[upstream]]
  name = "b"
  url = "mqtt://i"

  """
private let sourceOnly = """
  [[source]]
  name = "a"
  url = "mqtt://h"
  topics = ["a"]

  """

private func manySources(_ count: Int) -> String {
  (0..<count).map {
    "[[source]]\nname = \"s\($0)\"\nurl = \"mqtt://host-\($0)\"\ntopics = [\"a\"]\n"
  }.joined()
}

let wrongAgentsAndRings: [WrongConfiguration] = [
  Wrong("id", "must be a string", sample(agent: "id = 7 #!")),
  Wrong("id", "letters", sample(agent: "id = \"edge/1\" #!")),
  Wrong("id", "letters", sample(agent: "id = \"\" #!")),
  Wrong("id", "1 to 64", sample(agent: "id = \"\(String(repeating: "a", count: 65))\" #!")),
  Wrong("data_dir", "absolute", sample(agent: "data_dir = \"ring\" #!")),
  Wrong("datadir", "did you mean \"data_dir\"?", sample(agent: "datadir = \"/x\" #!")),

  Wrong("size", "outside its range", sample(ring: "size = \"31MiB\" #!")),
  Wrong("size", "give \"32MiB\" to \"1TiB\"", sample(ring: "size = \"2TiB\" #!")),
  Wrong("size", "outside its range", sample(ring: "size = -1 #!")),
  Wrong("size", "without a unit", sample(ring: "size = \"268435456\" #!")),
  Wrong("size", "did you mean \"MiB\"?", sample(ring: "size = \"256M\" #!")),
  Wrong("size", "did you mean \"MiB\"?", sample(ring: "size = \"256mib\" #!")),
  Wrong("size", "doesn't begin with a number", sample(ring: "size = \"big\" #!")),
  Wrong("size", "too large", sample(ring: "size = \"9999999999TiB\" #!")),
  Wrong("size", "too large", sample(ring: "size = \"99999999999999999999B\" #!")),
  Wrong("size", "with a fraction", sample(ring: "size = \"1.5GiB\" #!")),
  Wrong("size", "must be a size, not true or false", sample(ring: "size = true #!")),
  Wrong("size", "not a number with a fraction", sample(ring: "size = 1e9 #!")),
  Wrong("commit_interval", "outside its range", sample(ring: "commit_interval = \"9ms\" #!")),
  Wrong("commit_interval", "\"10ms\" to \"5s\"", sample(ring: "commit_interval = \"6s\" #!")),
  Wrong("commit_interval", "in quotes", sample(ring: "commit_interval = 250 #!")),
  Wrong("commit_interval", "unknown unit", sample(ring: "commit_interval = \"250us\" #!")),
  Wrong(
    "commit_interval",
    "above a quarter of keep_alive",
    sample(ring: "commit_interval = \"2s\" #!", source: "keep_alive = \"5s\"")
  ),
  Wrong(
    "when_full",
    "did you mean \"drop-oldest\"?",
    sample(ring: "when_full = \"drop_oldest\" #!")
  ),
  Wrong("when_full", "\"refuse-newest\"", sample(ring: "when_full = \"block\" #!")),
  Wrong("max_age", "outside its range", sample(ring: "max_age = \"0s\" #!")),
  Wrong("max_age", "not a date or time", sample(ring: "max_age = 2026-01-01 #!")),
  Wrong("max_payload", "outside its range", sample(ring: "max_payload = 1 #!")),
  Wrong(
    "max_payload",
    "above what a segment",
    sample(ring: "size = \"32MiB\"\nmax_payload = \"2MiB\" #!")
  ),
  Wrong("chain_size", "outside its range", sample(ring: "chain_size = \"2MiB\" #!")),
  Wrong("time_resolution", "\"us\"", sample(ring: "time_resolution = \"ns\" #!")),
  Wrong("memory", "outside its range", sample(ring: "memory = \"1KiB\" #!")),
  Wrong("in_flight", "move it to [[upstream]]", sample(ring: "in_flight = 3 #!")),
]

let wrongLinks: [WrongConfiguration] = [
  wrongURL("has no scheme", "127.0.0.1:1883"),
  wrongURL("has no scheme", "broker"),
  wrongURL("write mqtt:// instead", "tcp://broker:1883"),
  wrongURL("write mqtts:// instead", "ssl://broker:8883"),
  wrongURL("WebSockets", "ws://broker:8080"),
  wrongURL("unknown scheme", "amqp://broker"),
  wrongURL("user name or password", "mqtt://me:pass@broker"),
  wrongURL("has no host", "mqtt://:1883"),
  wrongURL("has no host", "mqtt://"),
  wrongURL("port that is none", "mqtt://broker:0"),
  wrongURL("port that is none", "mqtt://broker:65536"),
  wrongURL("port that is none", "mqtt://broker:+1"),
  wrongURL("port that is none", "mqtt://broker:"),
  wrongURL("brackets", "mqtt://fe80::1:1883"),
  wrongURL("[ without ]", "mqtt://[::1"),
  wrongURL("between ]", "mqtt://[::1]1883"),
  wrongURL("no IPv6 address", "mqtt://[broker]:1883"),
  wrongURL("after the port", "mqtt://broker:1883/sensors"),
  wrongURL("character", "mqtt://bro ker"),
  wrongURL("character", "mqtt://bröker"),
  wrongURL("too long", "mqtt://\(String(repeating: "a", count: 254))"),
  Wrong("url", "has no url", "[[source]] #!\nname = \"a\"\ntopics = [\"a\"]\n" + onlyUpstream),
  Wrong(
    "url",
    "must be a string",
    "[[source]]\nname = \"a\"\nurl = [] #!\ntopics = [\"a\"]\n" + onlyUpstream
  ),
  Wrong("protocol", "\"3.1.1\"", sample(source: "protocol = \"4\" #!")),
  Wrong("protocol", "must be a string", sample(source: "protocol = 5 #!")),
  Wrong("client_id", "1 to 256 bytes", sample(source: "client_id = \"\" #!")),
  Wrong("client_id", "control", sample(upstream: "client_id = \"a\\tb\" #!")),
  Wrong("username", "empty", sample(source: "username = \"\" #!")),
  Wrong("password", "without username", sample(source: "password = \"x\" #!")),
  Wrong("password", "must be a string", sample(source: "username = \"u\"\npassword = 1 #!")),
  Wrong("password", "empty", sample(source: "username = \"u\"\npassword = \"\" #!")),
  Wrong(
    "password_file",
    "beside password",
    sample(source: "username = \"u\"\npassword = \"x\"\npassword_file = \"y\" #!")
  ),
  Wrong(
    "password_file",
    "can't be read",
    sample(source: "username = \"u\"\npassword_file = \"/nonexistent\" #!")
  ),
  Wrong("keep_alive", "outside its range", sample(source: "keep_alive = \"4s\" #!")),
  Wrong("keep_alive", "outside its range", sample(source: "keep_alive = \"65536s\" #!")),
  Wrong("keep_alive", "whole number of seconds", sample(source: "keep_alive = \"5500ms\" #!")),
  Wrong("connect_timeout", "outside its range", sample(source: "connect_timeout = \"10m\" #!")),
  Wrong("backoff_max", "outside its range", sample(upstream: "backoff_max = \"2h\" #!")),
  Wrong("tls", "write mqtts://", sample(source: "tls = { ca_file = \"/dev/null\" } #!")),
  Wrong("tls", "must be a table", tlsSample("tls = true #!")),
  Wrong("ca_fil", "did you mean \"ca_file\"?", tlsSample("tls = { ca_fil = \"a\" } #!")),
  Wrong("key_file", "without cert_file", tlsSample("tls = { key_file = \"/nonexistent\" } #!")),
  Wrong("cert_file", "without key_file", tlsSample("[source.tls]\ncert_file = \"/x\" #!")),
  Wrong("ca_file", "empty", tlsSample("[source.tls]\nca_file = \"\" #!")),
]

private let onlyUpstream = upstreamOnly

private func wrongURL(_ words: String, _ url: String) -> WrongConfiguration {
  Wrong(
    "url",
    words,
    "[[source]]\nname = \"a\"\nurl = \"\(url)\" #!\ntopics = [\"a\"]\n" + upstreamOnly
  )
}

private func tlsSample(_ lines: String) -> String {
  sample(source: lines, sourceURL: "mqtts://127.0.0.1:8883")
}

let wrongSources: [WrongConfiguration] = [
  Wrong(
    "name",
    "has no name",
    "[[source]] #!\nurl = \"mqtt://h\"\ntopics = [\"a\"]\n" + onlyUpstream
  ),
  Wrong(
    "name",
    "is no name",
    "[[source]]\nname = \"a b\" #!\nurl = \"mqtt://h\"\ntopics = [\"a\"]\n" + onlyUpstream
  ),
  Wrong(
    "name",
    "is taken since line 7",
    sample(
      end:
        "[[source]]\nname = \"floor\" #!\nurl = \"mqtt://h\"\ntopics = [\"a\"]\nclient_id = \"x\""
    )
  ),
  Wrong(
    "topics",
    "has no topics",
    "[[source]] #!\nname = \"a\"\nurl = \"mqtt://h\"\n" + onlyUpstream
  ),
  Wrong("topics", "must be an array", sample(sourceTopics: "topics = \"sensors/#\" #!")),
  Wrong("topics", "holds 0 filters", sample(sourceTopics: "topics = [] #!")),
  Wrong("topics", "must hold strings", sample(sourceTopics: "topics = [\n\"a\",\n7, #!\n]")),
  Wrong(
    "topics",
    "no topic filter",
    sample(sourceTopics: "topics = [\n  \"a\",\n  \"b/#/c\", #!\n]")
  ),
  Wrong("topics", "no topic filter", sample(sourceTopics: "topics = [\"a+\"] #!")),
  Wrong("topics", "no topic filter", sample(sourceTopics: "topics = [\"\"] #!")),
  Wrong("topics", "stands twice", sample(sourceTopics: "topics = [\"a\", \"a\"] #!")),
  Wrong("topics", "shared subscription", sample(sourceTopics: "topics = [\"$share/g/a\"] #!")),
  Wrong("session_expiry", "outside its range", sample(source: "session_expiry = \"1s\" #!")),
  Wrong("receive_maximum", "from 1 to 65535", sample(source: "receive_maximum = 0 #!")),
  Wrong("receive_maximum", "from 1 to 65535", sample(source: "receive_maximum = 65536 #!")),
  Wrong("inflight_window", "without quotes", sample(source: "inflight_window = \"20\" #!")),
  Wrong("qos", "QoS 1 is always used", sample(source: "qos = 2 #!")),
  Wrong("topic", "did you mean \"topics\"?", sample(source: "topic = \"a\" #!")),
  Wrong("keep_alife", "did you mean \"keep_alive\"?", sample(source: "keep_alife = \"9s\" #!")),
  Wrong("host", "write url", sample(source: "host = \"x\" #!")),
]

let wrongUpstreams: [WrongConfiguration] = [
  Wrong("format", "did you mean \"ndjson\"?", sample(upstream: "format = \"njson\" #!")),
  Wrong("format", "\"event\", \"ndjson\", \"json\"", sample(upstream: "format = \"lines\" #!")),
  Wrong("compression", "is for batches", sample(upstream: "compression = \"zstd\" #!")),
  Wrong(
    "compression",
    "\"zstd\"",
    sample(upstream: "format = \"json\"\ncompression = \"gzip\" #!")
  ),
  Wrong("retain", "\"never\"", sample(upstream: "retain = false #!")),
  Wrong("retain", "\"never\"", sample(upstream: "retain = \"no\" #!")),
  Wrong("topic", "did you mean \"{topic}\"?", sample(upstream: "topic = \"{topics}\" #!")),
  Wrong("topic", "unknown placeholder", sample(upstream: "topic = \"a/{}\" #!")),
  Wrong("topic", "without its partner", sample(upstream: "topic = \"{topic\" #!")),
  Wrong("topic", "without its partner", sample(upstream: "topic = \"topic}\" #!")),
  Wrong("topic", "without its partner", sample(upstream: "topic = \"{{topic}}\" #!")),
  Wrong("topic", "makes no topic", sample(upstream: "topic = \"a/#\" #!")),
  Wrong("topic", "makes no topic", sample(upstream: "topic = \"\" #!")),
  Wrong("topic", "uses {topic}", sample(upstream: "format = \"ndjson\"\ntopic = \"a/{topic}\" #!")),
  Wrong("gap_topic", "unknown placeholder", sample(upstream: "gap_topic = \"{topic}\" #!")),
  Wrong("gap_topic", "makes no topic", sample(upstream: "gap_topic = \"gaps/+\" #!")),
  Wrong("topics", "no topic filter", sample(upstream: "topics = [\"#/a\"] #!")),
  Wrong("in_flight", "from 1 to 1000", sample(upstream: "in_flight = 1001 #!")),
  Wrong(
    "batch_events",
    "from 1 to 10000",
    sample(upstream: "format = \"json\"\nbatch_events = 0 #!")
  ),
  Wrong(
    "batch_bytes",
    "outside its range",
    sample(upstream: "format = \"json\"\nbatch_bytes = 1 #!")
  ),
  Wrong(
    "batch_age",
    "outside its range",
    sample(upstream: "format = \"json\"\nbatch_age = \"1ms\" #!")
  ),
  Wrong("ack_timeout", "outside its range", sample(upstream: "ack_timeout = \"999ms\" #!")),
  Wrong("refusal_tries", "from 1 to 100", sample(upstream: "refusal_tries = 0 #!")),
  Wrong("dead_letter_size", "outside its range", sample(upstream: "dead_letter_size = 0 #!")),
  Wrong(
    "dead_letter_size",
    "half the ring",
    sample(ring: "size = \"32MiB\"", upstream: "dead_letter_size = \"17MiB\" #!")
  ),
  Wrong("session_expiry", "move it to [[source]]", sample(upstream: "session_expiry = \"7d\" #!")),
  Wrong(
    "client_id",
    "one client of a name",
    sample(
      source: "client_id = \"x\"",
      upstream: "topics = [\"b\"]\nclient_id = \"x\" #!",
      upstreamURL: "mqtt://localhost:1883"
    )
  ),
]
