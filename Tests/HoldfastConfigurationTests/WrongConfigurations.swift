private typealias Wrong = WrongConfiguration

// One wrong line, added to a part of the right sample: its key, words of the message, the line.

private func inAgent(_ key: String, _ words: String, _ line: String) -> WrongConfiguration {
  Wrong(key, words, sample(agent: line + " #!"))
}

private func inRing(_ key: String, _ words: String, _ line: String) -> WrongConfiguration {
  Wrong(key, words, sample(ring: line + " #!"))
}

private func inSource(_ key: String, _ words: String, _ line: String) -> WrongConfiguration {
  Wrong(key, words, sample(source: line + " #!"))
}

private func inTopics(_ key: String, _ words: String, _ line: String) -> WrongConfiguration {
  Wrong(key, words, sample(sourceTopics: line + " #!"))
}

private func inUpstream(_ key: String, _ words: String, _ line: String) -> WrongConfiguration {
  Wrong(key, words, sample(upstream: line + " #!"))
}

private func inTLS(_ key: String, _ words: String, _ line: String) -> WrongConfiguration {
  Wrong(key, words, tlsSample(line + " #!"))
}

let wrongDocuments: [WrongConfiguration] = [
  inRing("", "not valid TOML", "size ="),
  inRing("", "not valid TOML", #"size = "64MiB"#),
  Wrong("", "not valid TOML", sample(ring: "size = \"64MiB\"\nsize = \"65MiB\" #!")),
  Wrong("", "column 1", sample(top: "]] #!")),
  Wrong("", "NUL", sample(top: "\u{0} #!")),
  inSource("", "NUL", #"client_id = "a\u0000b""#),
  Wrong("", "nested too deeply", sample(top: "a = \(String(repeating: "[", count: 70)) #!")),
  Wrong("", "too many parts", sample(top: String(repeating: "a.", count: 70) + "a = 1 #!")),
  Wrong("", "name of a table", sample(end: "[=] #!")),
  Wrong("", "name of a table", sample(end: "[[[a]]] #!")),
  inSource("", "in place of a value", "client_id = [}]"),
  Wrong("", "expected comma", sample(sourceTopics: "topics = [\"a\"\nb = 3 #!", end: "[=]")),
  Wrong("agents", "did you mean \"agent\"?", sample(end: "[agents] #!")),
  Wrong("size", "move it to [ring]", sample(top: "size = \"64MiB\" #!")),
  Wrong("ring", "must be one table", "[[ring]] #!\n" + withoutRing),
  Wrong("agent", "must be one table", "agent = \"edge-1\" #!\n" + withoutRing),
  Wrong("source", "begin each with [[source]]", sourceAsTable),
  Wrong("source", "must hold tables", "source = [1] #!\n" + upstreamOnly),
  Wrong("source", "there is no [[source]]", "source = [] #!\n" + upstreamOnly),
  Wrong("source", "there is no [[source]]", "#!\n" + upstreamOnly),
  Wrong("upstream", "there is no [[upstream]]", "#!\n" + sourceOnly),
  Wrong("source", "there are 33 [[source]]", "#!\n" + upstreamOnly + manySources(33)),
]

private let sourceOnly = """
  [[source]]
  name = "a"
  url = "mqtt://h"
  topics = ["a"]

  """
private let upstreamOnly = """
  [[upstream]]
  name = "b"
  url = "mqtt://i"

  """
private let withoutRing = sourceOnly + upstreamOnly
private let sourceAsTable =
  sourceOnly.replacing("[[source]]", with: "[source] #!") + upstreamOnly

private func manySources(_ count: Int) -> String {
  (0..<count).map {
    "[[source]]\nname = \"s\($0)\"\nurl = \"mqtt://host-\($0)\"\ntopics = [\"a\"]\n"
  }.joined()
}

let wrongAgentsAndRings: [WrongConfiguration] = [
  inAgent("id", "must be a string", "id = 7"),
  inAgent("id", "letters", #"id = "edge/1""#),
  inAgent("id", "letters", #"id = """#),
  Wrong("id", "1 to 64", sample(agent: "id = \"\(String(repeating: "a", count: 65))\" #!")),
  inAgent("data_dir", "absolute", #"data_dir = "ring""#),
  inAgent("datadir", #"did you mean "data_dir"?"#, #"datadir = "/x""#),

  inRing("size", "outside its range", #"size = "31MiB""#),
  inRing("size", #"give "32MiB" to "1TiB""#, #"size = "2TiB""#),
  inRing("size", "outside its range", "size = -1"),
  inRing("size", "without a unit", #"size = "268435456""#),
  inRing("size", #"did you mean "MiB"?"#, #"size = "256M""#),
  inRing("size", #"did you mean "MiB"?"#, #"size = "256mib""#),
  inRing("size", "doesn't begin with a number", #"size = "big""#),
  inRing("size", "too large", #"size = "9999999999TiB""#),
  inRing("size", "too large", #"size = "99999999999999999999B""#),
  inRing("size", "with a fraction", #"size = "1.5GiB""#),
  inRing("size", "must be a size, not true or false", "size = true"),
  inRing("size", "not a number with a fraction", "size = 1e9"),
  inRing("commit_interval", "outside its range", #"commit_interval = "9ms""#),
  inRing("commit_interval", #""10ms" to "5s""#, #"commit_interval = "6s""#),
  inRing("commit_interval", "in quotes", "commit_interval = 250"),
  inRing("commit_interval", "unknown unit", #"commit_interval = "250us""#),
  Wrong(
    "commit_interval",
    "above a quarter of keep_alive",
    sample(ring: "commit_interval = \"2s\" #!", source: "keep_alive = \"5s\"")
  ),
  inRing("when_full", #"did you mean "drop-oldest"?"#, #"when_full = "drop_oldest""#),
  inRing("when_full", #""refuse-newest""#, #"when_full = "block""#),
  inRing("max_age", "outside its range", #"max_age = "0s""#),
  inRing("max_age", "not a date or time", "max_age = 2026-01-01"),
  inRing("keep_delivered", #""1m" to "3650d", or "1MiB" to "1TiB""#, #"keep_delivered = "59s""#),
  inRing("keep_delivered", "outside its range", #"keep_delivered = "2TiB""#),
  inRing("keep_delivered", "without a unit", #"keep_delivered = "24""#),
  inRing("keep_delivered", "unknown unit", #"keep_delivered = "24hours""#),
  inRing("keep_delivered", "a duration or a size", "keep_delivered = 24"),
  inRing("max_payload", "outside its range", "max_payload = 1"),
  Wrong(
    "max_payload",
    "above what a segment",
    sample(ring: "size = \"32MiB\"\nmax_payload = \"2MiB\" #!")
  ),
  inRing("chain_size", "outside its range", #"chain_size = "2MiB""#),
  inRing("time_resolution", #""us""#, #"time_resolution = "ns""#),
  inRing("memory", "outside its range", #"memory = "1KiB""#),
  inRing("in_flight", "move it to [[upstream]]", "in_flight = 3"),
]

private func inStatus(_ key: String, _ words: String, _ line: String) -> WrongConfiguration {
  Wrong(key, words, sample(end: "[status]\n" + line + " #!"))
}

let wrongStatus: [WrongConfiguration] = [
  inStatus("listen", "an IP address and a port", #"listen = "9464""#),
  inStatus("listen", "an IP address and a port", #"listen = "localhost:9464""#),
  inStatus("listen", "an IP address and a port", #"listen = "127.0.0.1:65536""#),
  inStatus("listen", "an IP address and a port", #"listen = "127.0.0.1:+1""#),
  inStatus("listen", "an IP address and a port", #"listen = "127.0.0.1:""#),
  inStatus("listen", "an IP address and a port", #"listen = "::1:9464""#),
  inStatus("listen", "an IP address and a port", #"listen = "[127.0.0.1]:9464""#),
  inStatus("listen", #"add reachable_from = "the network""#, #"listen = "0.0.0.0:9464""#),
  inStatus("listen", #"add reachable_from = "the network""#, #"listen = "[::]:9464""#),
  inStatus("listen", #"add reachable_from = "the network""#, #"listen = "192.168.1.7:9464""#),
  inStatus("reachable_from", #""the network""#, #"reachable_from = "anywhere""#),
  inStatus("socket", "at most 107 bytes", "socket = \"/\(String(repeating: "a", count: 107))\""),
  inStatus("hosts", "a host's name", #"hosts = ["a b"]"#),
  inStatus("hosts", "a host's name", #"hosts = ["a:9464"]"#),
  inStatus("max_topics", "outside its range", "max_topics = 10001"),
  inStatus("port", "unknown key", "port = 9464"),
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
  Wrong("url", "has no url", "[[source]] #!\nname = \"a\"\ntopics = [\"a\"]\n" + upstreamOnly),
  Wrong(
    "url",
    "must be a string",
    "[[source]]\nname = \"a\"\nurl = [] #!\ntopics = [\"a\"]\n" + upstreamOnly
  ),
  inSource("protocol", #""3.1.1""#, #"protocol = "4""#),
  inSource("protocol", "must be a string", "protocol = 5"),
  inSource("client_id", "1 to 256 bytes", #"client_id = """#),
  inUpstream("client_id", "control", #"client_id = "a\tb""#),
  inSource("username", "empty", #"username = """#),
  inSource("password", "without username", #"password = "x""#),
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
  inSource("keep_alive", "outside its range", #"keep_alive = "4s""#),
  inSource("keep_alive", "outside its range", #"keep_alive = "65536s""#),
  inSource("keep_alive", "whole number of seconds", #"keep_alive = "5500ms""#),
  inSource("connect_timeout", "outside its range", #"connect_timeout = "10m""#),
  inUpstream("backoff_max", "outside its range", #"backoff_max = "2h""#),
  inUpstream("fallback_urls", "must be an array", #"fallback_urls = "mqtt://b""#),
  inUpstream("fallback_urls", "must hold strings", "fallback_urls = [1]"),
  inUpstream("fallback_urls", "has no scheme", #"fallback_urls = ["b"]"#),
  inUpstream("fallback_urls", "url has no TLS", #"fallback_urls = ["mqtts://b"]"#),
  inUpstream("fallback_urls", "in the list already", #"fallback_urls = ["mqtt://localhost:2883"]"#),
  inUpstream(
    "fallback_urls",
    "in the list already",
    #"fallback_urls = ["mqtt://b", "mqtt://B:1883"]"#
  ),
  inUpstream(
    "fallback_urls",
    "give at most 4",
    #"fallback_urls = ["mqtt://b", "mqtt://c", "mqtt://d", "mqtt://e", "mqtt://f"]"#
  ),
  inUpstream("primary_retry", "outside its range", #"primary_retry = "500ms""#),
  // The broker of the source is in the list: what goes there would come back.
  inUpstream(
    "topic",
    "makes a loop",
    "fallback_urls = [\"mqtt://127.0.0.1:1883\"]\ntopic = \"{topic}\""
  ),
  inSource("tls", "write mqtts://", #"tls = { ca_file = "/dev/null" }"#),
  inTLS("tls", "must be a table", "tls = true"),
  inTLS("ca_fil", #"did you mean "ca_file"?"#, #"tls = { ca_fil = "a" }"#),
  inTLS("key_file", "without cert_file", #"tls = { key_file = "/nonexistent" }"#),
  Wrong("cert_file", "without key_file", tlsSample("[source.tls]\ncert_file = \"/x\" #!")),
  Wrong("ca_file", "empty", tlsSample("[source.tls]\nca_file = \"\" #!")),
]

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
    "[[source]] #!\nurl = \"mqtt://h\"\ntopics = [\"a\"]\n" + upstreamOnly
  ),
  Wrong(
    "name",
    "is no name",
    "[[source]]\nname = \"a b\" #!\nurl = \"mqtt://h\"\ntopics = [\"a\"]\n" + upstreamOnly
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
    "[[source]] #!\nname = \"a\"\nurl = \"mqtt://h\"\n" + upstreamOnly
  ),
  inTopics("topics", "must be an array", #"topics = "sensors/#""#),
  inTopics("topics", "holds 0 filters", "topics = []"),
  Wrong("topics", "must hold strings", sample(sourceTopics: "topics = [\n\"a\",\n7, #!\n]")),
  Wrong(
    "topics",
    "no topic filter",
    sample(sourceTopics: "topics = [\n  \"a\",\n  \"b/#/c\", #!\n]")
  ),
  inTopics("topics", "no topic filter", #"topics = ["a+"]"#),
  inTopics("topics", "no topic filter", #"topics = [""]"#),
  inTopics("topics", "stands twice", #"topics = ["a", "a"]"#),
  inTopics("topics", "shared subscription", #"topics = ["$share/g/a"]"#),
  inSource("session_expiry", "outside its range", #"session_expiry = "1s""#),
  inSource("receive_maximum", "from 1 to 65535", "receive_maximum = 0"),
  inSource("receive_maximum", "from 1 to 65535", "receive_maximum = 65536"),
  inSource("inflight_window", "without quotes", #"inflight_window = "20""#),
  inSource("qos", "QoS 1 is always used", "qos = 2"),
  inSource("topic", #"did you mean "topics"?"#, #"topic = "a""#),
  inSource("keep_alife", #"did you mean "keep_alive"?"#, #"keep_alife = "9s""#),
  inSource("host", "write url", #"host = "x""#),
]

let wrongUpstreams: [WrongConfiguration] = [
  inUpstream("format", #"did you mean "ndjson"?"#, #"format = "njson""#),
  inUpstream("format", #""event", "ndjson", "json""#, #"format = "influx""#),
  inUpstream("compression", "is for batches", #"compression = "zstd""#),
  Wrong(
    "compression",
    "\"zstd\"",
    sample(upstream: "format = \"json\"\ncompression = \"lz4\" #!")
  ),
  inUpstream("retain", #""never""#, "retain = false"),
  inUpstream("retain", #""never""#, #"retain = "no""#),
  inUpstream("topic", #"did you mean "{topic}"?"#, #"topic = "{topics}""#),
  inUpstream("topic", "unknown placeholder", #"topic = "a/{}""#),
  inUpstream("topic", "without its partner", #"topic = "{topic""#),
  inUpstream("topic", "without its partner", #"topic = "topic}""#),
  inUpstream("topic", "without its partner", #"topic = "{{topic}}""#),
  inUpstream("topic", "makes no topic", #"topic = "a/#""#),
  inUpstream("topic", "makes no topic", #"topic = """#),
  Wrong("topic", "uses {topic}", sample(upstream: "format = \"ndjson\"\ntopic = \"a/{topic}\" #!")),
  inUpstream("gap_topic", "unknown placeholder", #"gap_topic = "{topic}""#),
  inUpstream("gap_topic", "makes no topic", #"gap_topic = "gaps/+""#),
  inUpstream("topics", "no topic filter", ##"topics = ["#/a"]"##),
  inUpstream("in_flight", "from 1 to 1000", "in_flight = 1001"),
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
  inUpstream("ack_timeout", "outside its range", #"ack_timeout = "999ms""#),
  inUpstream("refusal_tries", "from 1 to 100", "refusal_tries = 0"),
  inUpstream("dead_letter_size", "outside its range", "dead_letter_size = 0"),
  Wrong(
    "dead_letter_size",
    "half the ring",
    sample(ring: "size = \"32MiB\"", upstream: "dead_letter_size = \"17MiB\" #!")
  ),
  inUpstream("session_expiry", "move it to [[source]]", #"session_expiry = "7d""#),
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
