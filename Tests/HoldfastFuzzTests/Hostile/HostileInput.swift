import Testing

/// Something that must not be taken for what it is not, and what exactly becomes of it.
struct HostileInput: Sendable, CustomTestStringConvertible {
  /// What reads it: rows of one area differ in input only.
  var area: String
  /// Says what is wrong with it.
  var name: String
  var expected: String
  var outcome: @Sendable () throws -> String

  var testDescription: String { "\(area): \(name)" }
}

/// The table; each part stands in a file of its own.
let hostileInputs: [HostileInput] =
  hostileFilters + hostileMatches + hostileTemplates + hostileURLs + hostileUnits
  + hostileConfigurations + hostileArguments + hostileConnacks + hostileReasons + hostileGrants
  + hostilePublishes + hostilePayloads + hostileRows + hostileRingFiles + hostilePlaces
  + hostileStates + hostileLetters + hostileClocks

/// One area of the table.
struct HostileArea<Input: Sendable>: Sendable {
  var name: String
  var outcome: @Sendable (Input) throws -> String

  init(_ name: String, _ outcome: @escaping @Sendable (Input) throws -> String) {
    self.name = name
    self.outcome = outcome
  }

  /// The rows: a name, an input, what must come of it.
  func rows(_ rows: [(name: String, input: Input, expected: String)]) -> [HostileInput] {
    rows.map { row in
      HostileInput(area: name, name: row.name, expected: row.expected) { try outcome(row.input) }
    }
  }
}

@Suite struct HostileInputTests {
  @Test(arguments: hostileInputs)
  func `a hostile input comes to exactly what the table says`(row: HostileInput) throws {
    let outcome = try row.outcome()
    #expect(outcome == row.expected)
  }

  @Test func `the table has at least 300 rows, each under a name of its own`() {
    #expect(hostileInputs.count >= 300)
    #expect(Set(hostileInputs.map(\.testDescription)).count == hostileInputs.count)
  }

  @Test func `every area tells inputs apart`() {
    for (area, rows) in Dictionary(grouping: hostileInputs, by: \.area) {
      #expect(Set(rows.map(\.expected)).count > 1, "\(area) says the same of everything")
    }
  }
}
