import Foundation
import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

@Suite struct MapTests {
  /// What comes out, and what was counted: changes that could not be made, topics that were none.
  func map(
    _ payload: String,
    topic: String = "plant/7/temp",
    topics: [String] = [],
    as format: PayloadFormat? = .json,
    _ configure: (inout MapSettings) throws -> Void
  ) throws -> (payload: String, topic: String, unapplied: UInt64, invalid: UInt64) {
    var settings = MapSettings()
    try configure(&settings)
    let filters = topics.compactMap { TopicFilter($0) }
    var harness = StageHarness(MapStage(settings, topics: filters), format: format)
    let event = TestEvent(topic: topic, payload: payload, boot: 5, properties: [7, 8])
    let outputs = harness.feed(event)
    let output = try #require(outputs.count == 1 ? outputs[0] : nil)
    #expect(output.number == 1 && output.boot == 5 && output.properties == [7, 8])
    let stage = harness.stage
    return (output.payload, output.topic, stage.unappliedCount, stage.invalidTopicCount)
  }

  static func paths(_ texts: String...) throws -> [FieldPath] {
    try texts.map { try FieldPath($0) }
  }

  static let sample = #"{"a": 1.50, "b":{"c":[10, 20,30],"d" : "x\"}"}, "e":null,"f":1e400 }"#

  @Test func `select keeps fields, and the objects around them`() throws {
    func select(_ texts: String...) throws -> String {
      try map(Self.sample) { $0.select = try texts.map { try FieldPath($0) } }.payload
    }
    #expect(try select("a", "f") == #"{"a": 1.50,"f":1e400 }"#)
    #expect(try select("b.d") == #"{ "b":{"d" : "x\"}"}}"#)
    #expect(try select("b.c[1]", "e") == #"{ "b":{"c":[ 20]}, "e":null}"#)
    #expect(try select("b") == #"{ "b":{"c":[10, 20,30],"d" : "x\"}"}}"#)
    #expect(try select("b", "b.d") == #"{ "b":{"c":[10, 20,30],"d" : "x\"}"}}"#)
    #expect(try select("nothing") == "{}")
    #expect(try select("") == Self.sample)
  }

  @Test func `remove takes fields away with one comma each`() throws {
    func remove(_ texts: String...) throws -> String {
      try map(Self.sample) { $0.remove = try texts.map { try FieldPath($0) } }.payload
    }
    #expect(try remove("a") == #"{ "b":{"c":[10, 20,30],"d" : "x\"}"}, "e":null,"f":1e400 }"#)
    #expect(try remove("f", "e") == #"{"a": 1.50, "b":{"c":[10, 20,30],"d" : "x\"}"}}"#)
    #expect(try remove("a", "b", "e", "f") == "{}")
    #expect(try remove("b.c[0]", "b.c[2]", "b.d", "a", "e", "f") == #"{ "b":{"c":[ 20]}}"#)
    #expect(try remove("b", "b.c") == #"{"a": 1.50, "e":null,"f":1e400 }"#)
    #expect(try remove("x", "b.x", "b.c[3]") == Self.sample)
  }

  @Test func `rename changes the name alone, and never makes a name twice`() throws {
    func rename(_ pairs: (String, String)...) throws -> (String, UInt64) {
      let result = try map(#"{"a":1,"b" : 2,"c":{"a":3,"é\"":4},"d":[5]}"#) { settings in
        settings.rename = try pairs.map {
          MapSettings.Rename(field: try FieldPath($0.0), name: $0.1)
        }
      }
      return (result.payload, result.unapplied)
    }
    #expect(try rename(("b", "x")) == (#"{"a":1,"x" : 2,"c":{"a":3,"é\"":4},"d":[5]}"#, 0))
    #expect(try rename(("c.a", "b")) == (#"{"a":1,"b" : 2,"c":{"b":3,"é\"":4},"d":[5]}"#, 0))
    #expect(
      try rename((#"c."é\"""#, "\n\"")) == (#"{"a":1,"b" : 2,"c":{"a":3,"\u000a\"":4},"d":[5]}"#, 0)
    )
    // Two that change places, and a chain of which the last can't.
    #expect(
      try rename(("a", "b"), ("b", "a")) == (#"{"b":1,"a" : 2,"c":{"a":3,"é\"":4},"d":[5]}"#, 0)
    )
    #expect(try rename(("a", "b")).1 == 1)
    #expect(
      try rename(("a", "b"), ("b", "c")) == (#"{"a":1,"b" : 2,"c":{"a":3,"é\"":4},"d":[5]}"#, 1)
    )
    #expect(try rename(("d[0]", "x"), ("nothing", "y")).1 == 1)
  }

  @Test func `compute scales, clamps and rounds numbers, and texts that are numbers`() throws {
    func compute(
      _ value: String,
      as format: PayloadFormat = .json,
      _ configure: (inout MapSettings.Compute) -> Void
    ) throws -> String {
      try map(value, as: format) { settings in
        var compute = MapSettings.Compute(field: .whole)
        configure(&compute)
        settings.compute = [compute]
      }.payload
    }
    #expect(try compute("21.5") { $0.scale = 2 } == "43")
    #expect(try compute("-40") { ($0.scale, $0.offset) = (1.8, 32) } == "-40")
    #expect(try compute(#""21.5""#) { $0.offset = 1 } == "22.5")
    #expect(try compute(" 21.5\n", as: .text) { $0.offset = 1 } == " 22.5\n")
    #expect(try compute("ON", as: .text) { $0.offset = 1 } == "ON")
    #expect(try compute("true") { $0.offset = 1 } == "true")
    #expect(try compute("null") { $0.offset = 1 } == "null")
    #expect(try compute("7") { $0.max = 5 } == "5")
    #expect(try compute("7") { ($0.min, $0.max) = (8, 9) } == "8")
    #expect(try compute("2.0049999") { $0.roundDigitCount = 2 } == "2")
    #expect(try compute("1.005") { $0.roundDigitCount = 2 } == "1.01")
    #expect(try compute("-0.4") { $0.roundDigitCount = 0 } == "0")
    #expect(try compute("-0") { $0.roundDigitCount = 0 } == "0")
    #expect(try compute("1e-7") { $0.scale = 10 } == "0.000001")
    #expect(try compute("1e-8") { $0.scale = 10 } == "1e-7")
    #expect(try compute("1e20") { $0.scale = 1 } == "1e20")
    #expect(try compute("1e19") { $0.scale = 10 } == "100000000000000000000")
    // Numbers that nothing was done to keep their text.
    #expect(try compute("21.50") { $0.scale = 1 } == "21.50")
    #expect(try compute("9007199254740993") { $0.max = 1e300 } == "9007199254740993")
    #expect(try compute("9007199254740993") { $0.roundDigitCount = 1 } == "9007199254740993")
    #expect(try compute("21.50") { $0.roundDigitCount = 1 } == "21.5")
    let overflow = try map(#"{"v":1e300}"#) { settings in
      settings.compute = [MapSettings.Compute(field: try FieldPath("v"))]
      settings.compute[0].scale = 1e300
    }
    #expect(overflow.payload == #"{"v":1e300}"# && overflow.unapplied == 1)
  }

  @Test func `arithmetic on one field goes in order`() throws {
    let result = try map(#"{"t":"68","u":1}"#) { settings in
      var first = MapSettings.Compute(field: try FieldPath("t"))
      first.offset = -32
      var second = MapSettings.Compute(field: try FieldPath("t"))
      (second.scale, second.roundDigitCount) = (5.0 / 9, 1)
      settings.compute = [first, second]
    }
    #expect(result.payload == #"{"t":20,"u":1}"#)
  }

  @Test func `add puts tags and captures at the end, or in the place of the field`() throws {
    func add(
      _ payload: String,
      _ tags: [(String, String, Bool)],
      _ topics: [String] = ["x/#", "plant/+/#"]
    ) throws -> String {
      try map(payload, topics: topics) { settings in
        settings.add = tags.map {
          MapSettings.Addition(name: $0.0, value: $0.1, isText: $0.2)
        }
      }.payload
    }
    #expect(try add("{}", [("site", "a \"b\"", true)]) == #"{"site":"a \"b\""}"#)
    #expect(
      try add(#"{"v":1 }"#, [("n", "{1}", true), ("m", "{topic}|{2}|{3}{x}", true)])
        == #"{"v":1 ,"n":"7","m":"plant/7/temp|temp|{x}"}"#
    )
    #expect(
      try add(#"{"v":{"n":1}}"#, [("n", "2.50", false), ("b", "true", false)])
        == #"{"v":{"n":1},"n":2.50,"b":true}"#
    )
    #expect(try add(#"{"n":[1],"v":2}"#, [("n", "x", true)]) == #"{"n":"x","v":2}"#)
    #expect(try add("{}", [("n", "oops", false)]) == #"{"n":"oops"}"#)
    #expect(try add("{}", [("n", "{1}", true)], []) == #"{"n":""}"#)
    #expect(try add("[1]", [("n", "x", true)]) == "[1]")
  }

  @Test func `the order is select, remove, rename, compute, add, topic`() throws {
    let result = try map(
      #"{"t":20,"u":"5","w":{"x":1,"y":2},"n":0}"#,
      topics: ["plant/+/temp"]
    ) { settings in
      settings.select = try Self.paths("t", "u", "w")
      settings.remove = try Self.paths("w.x")
      settings.rename = [MapSettings.Rename(field: try FieldPath("u"), name: "n")]
      settings.compute = [MapSettings.Compute(field: try FieldPath("u"))]
      settings.compute[0].scale = 2
      settings.add = [MapSettings.Addition(name: "u", value: "{1}", isText: true)]
      settings.topic = "out/{1}/{topic}"
    }
    #expect(result.payload == #"{"t":20,"n":10,"w":{"y":2},"u":"7"}"#)
    #expect(result.topic == "out/7/plant/7/temp")
    #expect(result.unapplied == 0 && result.invalid == 0)
  }

  @Test func `what would be no topic leaves the old one`() throws {
    func topic(_ text: String, _ topic: String = "a/b") throws -> (String, UInt64) {
      let result = try map("x", topic: topic, topics: ["+/b"], as: nil) { $0.topic = text }
      return (result.topic, result.invalid)
    }
    #expect(try topic("{1}/c") == ("a/c", 0))
    #expect(try topic("{2}") == ("a/b", 1))
    #expect(try topic("c/#") == ("a/b", 1))
    #expect(try topic("c\0") == ("a/b", 1))
    let long = String(repeating: "{topic}", count: 2)
    #expect(try topic(long, String(repeating: "x", count: 32_767)).1 == 0)
    #expect(try topic(long, String(repeating: "x", count: 32_768)).1 == 1)
  }

  @Test func `what can't be done is counted, and the event goes on`() throws {
    let edits: (inout MapSettings) throws -> Void = { settings in
      settings.remove = try Self.paths("a")
      settings.topic = "new"
    }
    for (payload, format) in [
      ("x", .text), ("\u{a0}", .cbor), ("m v=1", .line), ("x", nil),
    ] as [(String, PayloadFormat?)] {
      let result = try map(payload, as: format, edits)
      #expect(result.payload == payload && result.topic == "new" && result.unapplied == 1)
    }
    let empty = try map("", edits)
    #expect(empty.payload == "" && empty.topic == "new" && empty.unapplied == 0)
    let scalar = try map("5") { settings in
      settings.add = [MapSettings.Addition(name: "a", value: "b", isText: true)]
    }
    #expect(scalar.payload == "5" && scalar.unapplied == 1)
    let missing = try map(#"{"b":1}"#, edits)
    #expect(missing.payload == #"{"b":1}"# && missing.unapplied == 0)
    let broken = try map(#"{"a":1"#, edits)
    #expect(broken.payload == #"{"a":1"# && broken.topic == "plant/7/temp")
  }

  @Test func `counts are kept in a snapshot`() throws {
    var settings = MapSettings()
    settings.remove = try Self.paths("a")
    settings.topic = "#"
    let payloads = [#"{"a":1}"#, "5", "", #"{"b":1}"#]
    let outputs = try checkSnapshots(payloads.map { TestEvent(payload: $0) }) {
      MapStage(settings, topics: [])
    }
    #expect(outputs.flatMap(\.self).map(\.payload) == ["{}", "5", "", #"{"b":1}"#])
  }

  // MARK: against a tree

  static let names = ["a", "b", "c", "d e", "é"]

  static func value(_ random: inout SplitMix64, _ depth: Int) -> String {
    func space() -> String {
      ["", "", "", " ", "\n  ", "\t"][Int.random(in: 0..<6, using: &random)]
    }
    let kind = depth == 0 ? 0 : Int.random(in: 0..<4, using: &random)
    if kind == 1 || kind == 3 {
      let keys = names.shuffled(using: &random).prefix(Int.random(in: 0...4, using: &random))
      let members = keys.map { key in
        "\(space())\"\(key)\"\(space()):\(space())\(value(&random, depth - 1))\(space())"
      }
      return "{\(members.joined(separator: ","))\(members.isEmpty ? space() : "")}"
    }
    if kind == 2 {
      let elements = (0..<Int.random(in: 0...3, using: &random)).map { _ in
        "\(space())\(value(&random, depth - 1))\(space())"
      }
      return "[\(elements.joined(separator: ","))\(elements.isEmpty ? space() : "")]"
    }
    let scalars = [
      "1", "-0", "1e400", "18446744073709551616", "2.50", "true", "null", #""""#, #""x""#,
      #""a\"}],{[""#, #""\\""#, #""é\u00e9""#, #""3.5""#,
    ]
    return scalars[Int.random(in: 0..<scalars.count, using: &random)]
  }

  static func path(_ random: inout SplitMix64) -> (path: FieldPath, steps: [String])? {
    var text = ""
    var steps: [String] = []
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      if !steps.isEmpty, Int.random(in: 0..<3, using: &random) == 0 {
        let index = Int.random(in: 0..<3, using: &random)
        text += "[\(index)]"
        steps.append("\(index)")
      } else {
        let name = names[Int.random(in: 0..<names.count, using: &random)]
        text += (steps.isEmpty ? "" : ".") + name
        steps.append(name)
      }
    }
    return (try? FieldPath(text)).map { ($0, steps) }
  }

  @Test(arguments: 0..<400) func `edits of bytes are edits of the tree`(_ seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var payload = Self.value(&random, 4)
    while !payload.hasPrefix("{") { payload = Self.value(&random, 4) }
    func paths(_ count: Int) -> [(path: FieldPath, steps: [String])] {
      (0..<Int.random(in: 0...count, using: &random)).compactMap { _ in Self.path(&random) }
    }
    let (selected, removed) = (seed % 3 == 0 ? [] : paths(5), paths(4))
    let addition = Bool.random(using: &random) ? "tag" : nil
    var tree = try #require(NaiveJSON(payload))

    var settings = MapSettings()
    settings.select = selected.map(\.path)
    settings.remove = removed.map(\.path)
    if let addition {
      settings.add = [MapSettings.Addition(name: addition, value: "{topic}", isText: true)]
    }
    let result = try map(payload, topic: "x") { $0 = settings }

    // A mark first, so that indices mean the elements as they came.
    let mark = NaiveJSON.scalar("gone")
    for (_, steps) in removed { tree.change(steps[...]) { _ in mark } }
    if !selected.isEmpty { tree = tree.keeping(selected.map { $0.steps[...] }) ?? .object([]) }
    func swept(_ tree: NaiveJSON) -> NaiveJSON {
      switch tree {
      case .scalar: tree
      case .array(let elements): .array(elements.filter { $0 != mark }.map(swept))
      case .object(let members):
        .object(
          members.filter { $0.value != mark }
            .map { NaiveJSON.Member(key: $0.key, value: swept($0.value)) }
        )
      }
    }
    tree = swept(tree)
    if let addition, case .object(let members) = tree {
      tree = .object(members + [NaiveJSON.Member(key: addition, value: .scalar("\"x\""))])
    }
    let output = try #require(NaiveJSON(result.payload), "\(payload) became \(result.payload)")
    #expect(output.text == tree.text, "of \(payload)")
    if output.text == NaiveJSON(payload)?.text { #expect(result.payload == payload) }
  }

  // MARK: numbers

  @Test(arguments: 0..<60) func `a number's text is the shortest, and rounds as decimals do`(
    _ seed: UInt64
  ) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<50 {
      var value = Double(bitPattern: random.next())
      if Bool.random(using: &random) {
        value = Double(Int.random(in: -200_000...200_000, using: &random)) / 1000
      }
      guard value.isFinite else { continue }
      var text = try #require(DecimalText(value))
      var bytes: [UInt8] = []
      text.append(to: &bytes)
      let written = String(decoding: bytes, as: UTF8.self)
      #expect(NaiveJSON(written) == .scalar(written))
      #expect(Double(written) == value)
      let digits = written.prefix { $0 != "e" }.filter(\.isNumber).drop { $0 == "0" }
      let shortest = value.description.prefix { $0 != "e" }.filter(\.isNumber).drop { $0 == "0" }
      func stripped(_ text: some StringProtocol) -> String {
        String(text.reversed().drop { $0 == "0" }.reversed())
      }
      #expect(stripped(digits) == stripped(shortest))

      // Foundation's Decimal rounds the same text; it holds 38 digits and exponents to 127.
      guard value.magnitude < 1e20, value.magnitude > 1e-20 || value == 0 else { continue }
      let count = Int.random(in: 0...6, using: &random)
      text.round(digitCount: count)
      bytes = []
      text.append(to: &bytes)
      var exact = try #require(Decimal(string: value.description))
      var rounded = Decimal()
      NSDecimalRound(&rounded, &exact, count, .plain)
      #expect(Decimal(string: String(decoding: bytes, as: UTF8.self)) == rounded, "\(value)")
    }
  }
}
