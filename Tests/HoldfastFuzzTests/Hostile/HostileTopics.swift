import HoldfastEvent

@testable import HoldfastConfiguration
@testable import HoldfastUpstream

let hostileFilters = HostileArea<String>("topic filter") { text in
  TopicFilter(text).map { "taken: \($0.description == text)" } ?? "refused"
}.rows([
  ("empty", "", "refused"),
  ("a NUL alone", "\0", "refused"),
  ("a NUL inside", "a/\0/b", "refused"),
  ("a NUL at the end", "a\0", "refused"),
  ("# before the end", "a/#/b", "refused"),
  ("# with text before it", "a#", "refused"),
  ("# with text after it", "#a", "refused"),
  ("two #", "#/#", "refused"),
  ("## in one level", "a/##", "refused"),
  ("+ with text before it", "a/b+", "refused"),
  ("+ with text after it", "+b/c", "refused"),
  ("++ in one level", "++", "refused"),
  ("+# in one level", "a/+#", "refused"),
  ("# in front", "#/a", "refused"),
  ("one byte more than MQTT has", String(repeating: "a", count: 65_536), "refused"),
  ("as long as MQTT allows", String(repeating: "a", count: 65_535), "taken: true"),
  ("slashes only", "///", "taken: true"),
  ("# alone", "#", "taken: true"),
  ("+ alone", "+", "taken: true"),
  ("# after a slash in front", "/#", "taken: true"),
  ("+ in every level", "+/+/+", "taken: true"),
  ("a $ topic", "$SYS/#", "taken: true"),
  ("emoji", "🌡/+", "taken: true"),
  ("U+FFFF, which MQTT advises against", "\u{FFFF}", "taken: true"),
  ("a byte order mark", "\u{FEFF}a", "taken: true"),
])

let hostileMatches = HostileArea<(String, [UInt8])>("topic match") { pair in
  let filter = TopicFilter(pair.0)
  return filter.map { $0.matches(pair.1[...]) ? "matches" : "passes by" } ?? "no filter"
}.rows([
  ("# and a $ topic", ("#", Array("$SYS/x".utf8)), "passes by"),
  ("+/x and a $ topic", ("+/x", Array("$SYS/x".utf8)), "passes by"),
  ("$SYS/# and its parent", ("$SYS/#", Array("$SYS".utf8)), "matches"),
  ("$SYS/+ and a deeper topic", ("$SYS/+", Array("$SYS/a/b".utf8)), "passes by"),
  ("a/# and its parent", ("a/#", Array("a".utf8)), "matches"),
  ("a/# and a longer name", ("a/#", Array("ab".utf8)), "passes by"),
  ("a/+ and an empty level", ("a/+", Array("a/".utf8)), "matches"),
  ("a/+ and no level", ("a/+", Array("a".utf8)), "passes by"),
  ("+ and a slash", ("+", Array("/".utf8)), "passes by"),
  ("+/+ and a slash", ("+/+", Array("/".utf8)), "matches"),
  ("/# and a topic without the slash", ("/#", Array("a".utf8)), "passes by"),
  ("# and bytes that are no UTF-8", ("#", [0xff, 0xfe]), "matches"),
  ("a+ level and bytes that are no UTF-8", ("+/b", [0xc0, 0x2f, 0x62]), "matches"),
  ("# and wildcards in a topic", ("#", Array("a/#".utf8)), "matches"),
  ("a/b and wildcards in a topic", ("a/b", Array("a/+".utf8)), "passes by"),
  ("case", ("A", Array("a".utf8)), "passes by"),
  ("composed and decomposed", ("\u{E4}", Array("a\u{308}".utf8)), "passes by"),
  ("+/# and one level", ("+/#", Array("a".utf8)), "matches"),
  ("a/#  and the empty child", ("a/#", Array("a/".utf8)), "matches"),
  ("a topic with a NUL", ("+", [0x61, 0, 0x62]), "matches"),
])

let hostileTemplates = HostileArea<(String, [UInt8])>("topic template") { pair in
  let template = HoldfastUpstream.TopicTemplate(pair.0, agentID: "edge-1", upstream: "c")
  guard template.isPublishable(topic: pair.1[...]) else { return "not publishable" }
  var bytes: [UInt8] = []
  template.append(topic: pair.1[...], to: &bytes)
  return bytes.count > 40 ? "\(bytes.count) bytes" : String(decoding: bytes, as: UTF8.self)
}.rows([
  ("plain", ("x/{topic}", Array("a".utf8)), "x/a"),
  ("a topic with #", ("{topic}", Array("a/#".utf8)), "not publishable"),
  ("a topic with +", ("{topic}", Array("+/a".utf8)), "not publishable"),
  ("a topic with NUL", ("{topic}", [0x61, 0]), "not publishable"),
  ("a topic that is no UTF-8", ("{topic}", [0xff]), "not publishable"),
  ("an overlong form of /", ("{topic}", [0xc0, 0xaf]), "not publishable"),
  ("half a surrogate pair", ("{topic}", [0xed, 0xa0, 0x80]), "not publishable"),
  ("beyond U+10FFFF", ("{topic}", [0xf4, 0x90, 0x80, 0x80]), "not publishable"),
  ("nothing of nothing", ("{topic}", []), "not publishable"),
  ("a constant, whatever the topic", ("all", [0xff]), "all"),
  (
    "one byte more than MQTT has", ("x{topic}", [UInt8](repeating: 0x61, count: 65_535)),
    "not publishable"
  ),
  ("as long as it may be", ("{topic}", [UInt8](repeating: 0x61, count: 65_535)), "65535 bytes"),
  ("the topic twice", ("{topic}{topic}", Array("a".utf8)), "aa"),
  ("an unknown place stays text", ("{nobody}", Array("a".utf8)), "{nobody}"),
  ("braces that don't match", ("{{topic}", Array("a".utf8)), "{a"),
  ("a place made of a topic", ("{topic}/x", Array("{agent}".utf8)), "{agent}/x"),
])

let hostileURLs = HostileArea<String>("broker URL") { text in
  do throws(BrokerAddressError) {
    let address = try BrokerAddress(url: text)
    return "\(address.host) \(address.port)\(address.isTLS ? " TLS" : "")"
  } catch {
    return error.what
  }
}.rows([
  ("empty", "", "has no scheme"),
  ("a scheme alone", "mqtt:", "has no scheme"),
  ("no host", "mqtt://", "has no host"),
  ("no host, a port", "mqtt://:1883", "has no host"),
  ("a slash for a host", "mqtt:///", "has no host"),
  ("an unknown scheme", "gopher://h", "has an unknown scheme"),
  ("an empty scheme", "://h", "has an unknown scheme"),
  ("http", "http://h:1883", "has an unknown scheme"),
  ("tcp, as other programs write it", "tcp://h:1883", "has the scheme tcp"),
  ("ssl, as other programs write it", "ssl://h", "has the scheme ssl"),
  ("WebSockets", "wss://h/mqtt", "asks for WebSockets"),
  ("a password", "mqtt://u:secret@h", "holds a user name or password"),
  ("@ at the end", "mqtt://h@", "holds a user name or password"),
  ("port 0", "mqtt://h:0", "has a port that is none"),
  ("port 65536", "mqtt://h:65536", "has a port that is none"),
  ("a negative port", "mqtt://h:-1", "has a port that is none"),
  ("a signed port", "mqtt://h:+1883", "has a port that is none"),
  ("a port in hexadecimal", "mqtt://h:0x75b", "has a port that is none"),
  ("a port in Arabic digits", "mqtt://h:١٨٨٣", "has a port that is none"),
  ("a port that overflows", "mqtt://h:18446744073709551616", "has a port that is none"),
  ("an empty port", "mqtt://h:", "has a port that is none"),
  ("a path", "mqtt://h:1883/a", "goes on after the port"),
  ("a query", "mqtt://h?x=1", "goes on after the port"),
  ("a fragment", "mqtt://h#x", "goes on after the port"),
  ("IPv6 without brackets", "mqtt://::1", "has more than one colon after the scheme"),
  ("[ without ]", "mqtt://[::1", "has a [ without ]"),
  ("text after ]", "mqtt://[::1]x:1", "has something between ] and the port"),
  ("nothing in brackets", "mqtt://[]", "has no IPv6 address in its brackets"),
  ("a name in brackets", "mqtt://[h]", "has no IPv6 address in its brackets"),
  ("a blank", "mqtt://h h", "has a host with a character that host names don't have"),
  ("a line break", "mqtt://h\n", "has a host with a character that host names don't have"),
  ("a NUL", "mqtt://h\0", "has a host with a character that host names don't have"),
  ("a shell's words", "mqtt://$(id)", "has a host with a character that host names don't have"),
  ("a lookalike", "mqtt://brоker", "has a host with a character that host names don't have"),
  ("254 characters", "mqtt://" + String(repeating: "h", count: 254), "has too long a host"),
  ("an upper-case scheme", "MQTT://h", "h 1883"),
  ("a slash at the end", "mqtts://h/", "h 8883 TLS"),
  ("the greatest port", "mqtt://h:65535", "h 65535"),
  ("IPv6 with a zone", "mqtts://[fe80::1%eth0]", "fe80::1%eth0 8883 TLS"),
])

let hostileUnits = HostileArea<(String, Bool)>("unit") { pair in
  switch parseQuantity(pair.0, units: pair.1 ? Unit.sizes : Unit.durations) {
  case .success(let value): "\(value)"
  case .failure(let error): "\(error)"
  }
}.rows([
  ("empty", ("", false), "noNumber"),
  ("a unit alone", ("ms", false), "noNumber"),
  ("a sign", ("-1s", false), "noNumber"),
  ("a plus", ("+1s", false), "noNumber"),
  ("a blank in front", (" 1s", false), "noNumber"),
  ("infinity", ("inf", false), "noNumber"),
  ("Arabic digits", ("٣s", false), "noNumber"),
  ("no unit", ("250", false), "noUnit"),
  ("a blank for a unit", ("250 ", false), "noUnit"),
  ("a fraction", ("1.5s", false), "fraction"),
  ("a decimal comma", ("1,5s", false), "fraction"),
  ("an exponent", ("1e3s", false), "unknownUnit(\"e3s\")"),
  ("hexadecimal", ("0x10s", false), "unknownUnit(\"x10s\")"),
  ("two blanks", ("1  s", false), "unknownUnit(\" s\")"),
  ("a blank behind", ("1s ", false), "unknownUnit(\"s \")"),
  ("an upper-case unit", ("1S", false), "unknownUnit(\"S\")"),
  ("a NUL behind", ("1s\0", false), "unknownUnit(\"s\\0\")"),
  ("microseconds", ("10us", false), "unknownUnit(\"us\")"),
  ("a number above 64 bits", ("9223372036854775808ms", false), "tooLarge"),
  ("a product above 64 bits", ("9223372036854775807ms", false), "tooLarge"),
  ("the greatest days", ("106751991d", false), "9223372022400000000"),
  ("a day more", ("106751992d", false), "tooLarge"),
  ("zero", ("0ms", false), "0"),
  ("zeros in front", ("000000000000000000000001s", false), "1000000"),
  ("a size in small letters", ("1kib", true), "unknownUnit(\"kib\")"),
  ("8 EiB in TiB", ("8388608TiB", true), "tooLarge"),
  ("a byte below", ("8388607TiB", true), "9223370937343148032"),
  ("the greatest bytes", ("9223372036854775807B", true), "9223372036854775807"),
  ("a byte more", ("9223372036854775808B", true), "tooLarge"),
])
