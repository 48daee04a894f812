import HoldfastAgent
import HoldfastKafka
import Testing

@testable import HoldfastConfiguration

/// The reference and what is made of it must say what the reader does.
@Suite struct ReferenceTests {
  @Test func `every key has a row, and every row is a key`() {
    let sections = ConfigurationKeys.sections
    for section in sections {
      let rows = KeyReference.rows(of: section.name).map(\.name)
      #expect(Set(rows) == Set(section.keys), "\(section.title)")
      #expect(rows.count == Set(rows).count)
    }
    #expect(KeyReference.rows(of: "tls").map(\.name) == ConfigurationKeys.tlsKeys)
    let decode = ConfigurationKeys.nested.first { $0.name == "source.decode_topic" }
    #expect(KeyReference.rows(of: "source.decode_topic").map(\.name) == decode?.keys)
  }

  /// A configuration in which `line` stands in the section.
  private func text(_ section: String, _ line: String) -> String {
    switch section {
    case "agent": sample(agent: "id = \"edge-1\"\n\(line)")
    // Bounds that depend on others are given room.
    case "ring": sample(ring: line.hasPrefix("size") ? line : "size = \"1GiB\"\n\(line)")
    case "source": sample(ring: "commit_interval = \"10ms\"", source: line)
    default: sample(ring: "size = \"16GiB\"", upstream: line)
    }
  }

  private func isTaken(_ section: String, _ line: String, _ key: String) -> Bool {
    let found = problems(of: text(section, line))
    #expect(found.allSatisfy { $0.key == key }, "\(line): \(found)")
    return found.isEmpty
  }

  @Test func `the bounds of the reference are those of the reader`() {
    var count = 0
    for section in ["ring", "source", "upstream"] {
      for row in KeyReference.rows(of: section) {
        let bounds: (inside: [String], outside: [String])
        switch row.kind {
        case .integer(let range):
          bounds = (
            ["\(range.lowerBound)", "\(range.upperBound)"],
            ["\(range.lowerBound - 1)", "\(range.upperBound + 1)"]
          )
        case .duration(let range):
          bounds = (
            [quoted(range.lowerBound), quoted(range.upperBound)],
            ["\"\(range.lowerBound / 1000 - 1)ms\"", "\"\(range.upperBound / 1000 + 1)ms\""]
          )
        case .size(let range):
          bounds = (
            ["\(range.lowerBound)", "\(range.upperBound)"],
            ["\(range.lowerBound - 1)", "\(range.upperBound + 1)"]
          )
        case .choice(let words):
          bounds = (words.map { "\"\($0)\"" }, ["\"no-such-word\""])
        default: continue
        }
        count += 1
        for value in bounds.inside where !dependsOnOthers(row.name, value) {
          #expect(isTaken(section, "\(row.name) = \(value)", row.name), "\(row.name) = \(value)")
        }
        for value in bounds.outside {
          #expect(!isTaken(section, "\(row.name) = \(value)", row.name), "\(row.name) = \(value)")
        }
      }
    }
    #expect(count >= 30)
  }

  /// Values that are right by themselves and not beside the sample's other keys.
  private func dependsOnOthers(_ key: String, _ value: String) -> Bool {
    // Compression needs a batch format.
    key == "compression" && value != "\"none\""
      // A segment must hold it; the manual says how much.
      || key == "max_payload" && value == "\(8 << 20)"
  }

  private func quoted(_ duration: Int64) -> String { "\"\(formattedDuration(duration))\"" }

  @Test func `the schema in config is the one that the code makes`() throws {
    let path = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let file = try SmallFile(path: "/\(path)/config/holdfast.schema.json", byteCountMax: 1 << 20)
    #expect(
      String(decoding: file.bytes, as: UTF8.self) == ConfigurationSchema.text,
      "holdfast check --print-schema > config/holdfast.schema.json"
    )
  }

  // MARK: what is printed

  private static let texts = [
    sample(),
    sample(
      agent: "",
      ring: "max_age = \"7d\"",
      source: """
        decode = "json"
        username = "u"
        client_id = "a \\"quoted\\" \\\\ $${NAME} é"
        tls = { ca_file = "ca.pem", min_version = "1.3" }
        [[source.decode_topic]]
        topics = ["a/+", "b"]
        format = "cbor"
        [[source.stage]]
        type = "throttle"
        interval = "1s"
        """,
      upstream: """
        format = "ndjson"
        compression = "zstd"
        batch_events = 7
        [[upstream.stage]]
        type = "map"
        rename = { "temp.x" = "temperature" }
        add = { site = "north", n = 5, f = 1.5, t = true }
        [[upstream.stage.compute]]
        field = "value"
        scale = 0.1
        [[upstream.stage]]
        type = "deadband"
        field = "temperature"
        threshold = 0.5
        [[upstream]]
        name = "second"
        url = "mqtt://127.0.0.1:3883"
        retain = "never"
        """,
      sourceURL: "mqtts://127.0.0.1:8883"
    ),
  ]

  @Test(arguments: texts)
  func `what print-effective writes is read again to the same settings`(text: String) throws {
    let loaded = try load(text)
    let again = try load(loaded.effective)
    #expect(again.configuration == loaded.configuration)
    // Defaults that are written out do nothing, so that none of them warns.
    #expect(again.warnings.map(\.what) == loaded.warnings.map(\.what))
    // A second look changes nothing: all that can be written out is.
    #expect(try load(again.effective).effective == again.effective)
    #expect(!again.effective.contains("# default"))
  }

  @Test func `every default of the reference is written out`() throws {
    let effective = try load(sample()).effective
    // Those of batches, of payloads that are read, of shared budgets and of lists of brokers.
    let others = [
      "batch_events", "batch_bytes", "batch_age", "undecodable", "priority", "primary_retry",
    ]
    for section in ConfigurationKeys.sections {
      for row in KeyReference.rows(of: section.name) {
        guard let standard = row.standard, !others.contains(row.name) else { continue }
        let isThere =
          effective.contains("\n\(row.name) = \(standard)  # default")
        #expect(isThere, "\(row.name) of \(section.title)")
      }
    }
  }

  @Test(.enabled(if: KafkaLibrary.isBuiltIn))
  func `secrets of Kafka are masked, and what has no meaning there is not written out`() throws {
    let text = sample(
      upstream: #"kafka = { "sasl.password" = "hunter2", acks = "all" }"#,
      upstreamURL: "kafka://central"
    )
    let effective = try load(text).effective
    #expect(effective.contains("\"sasl.password\" = \"***\""), "\(effective)")
    #expect(!effective.contains("hunter2"))
    #expect(effective.contains("acks = \"all\""))
    let upstream = effective.split(separator: "[[upstream]]").last ?? ""
    #expect(upstream.contains("gap_topic = \"holdfast.gaps\""), "\(upstream)")
    for key in ["keep_alive", "protocol", "format", "compression", "budget"] {
      #expect(!upstream.contains("\n\(key) = "), "\(key)")
    }
    #expect(try load(effective).configuration.upstreams.count == 1)
  }

  @Test func `secrets are masked, and paths are absolute`() throws {
    let directory = ScratchDirectory()
    directory.write("secret", "hunter2")
    let text = sample(
      source: "username = \"u\"\npassword = \"hunter2\"",
      upstream: "username = \"u\"\npassword_file = \"secret\""
    )
    let path = directory.write("holdfast.toml", text)
    let loaded = try ConfigurationFile.load(path: path, defaultAgentID: "a")
    #expect(!loaded.effective.contains("hunter2"))
    #expect(loaded.effective.contains("\npassword = \"***\"\n"))
    #expect(loaded.effective.contains("\npassword_file = \"\(directory.path)/secret\"\n"))
    let again = try load(loaded.effective)
    #expect(again.configuration.upstreams == loaded.configuration.upstreams)
  }
}
