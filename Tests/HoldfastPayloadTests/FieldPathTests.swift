import HoldfastEvent
import HoldfastPayload
import Testing

@Suite struct FieldPathTests {
  private func steps(_ text: String) throws -> [String] {
    try FieldPath(text).steps.map {
      switch $0 {
      case .index(let index): "#\(index)"
      case .key(let key): String(decoding: key, as: UTF8.self)
      }
    }
  }

  @Test(arguments: [
    ("", []), ("a", ["a"]), ("ENERGY.Power", ["ENERGY", "Power"]), ("a[0].b", ["a", "#0", "b"]),
    (#""key with . in it".x"#, ["key with . in it", "x"]), ("[3]", ["#3"]),
    ("[3][007].x", ["#3", "#7", "x"]), (#""""#, [""]),
    (#""".x"#, ["", "x"]), (#"a."".b"#, ["a", "", "b"]),
    (#"a."b\"c\\d""#, ["a", #"b"c\d"#]), ("Node Control/Rebirth", ["Node Control/Rebirth"]),
    ("alias:7", ["alias:7"]), (#"a\b"#, [#"a\b"#]), ("größe.値", ["größe", "値"]), ("0", ["0"]),
  ])
  func `a path is keys and indices`(text: String, expected: [String]) throws {
    #expect(try steps(text) == expected)
  }

  @Test(arguments: [
    (".", 1), (".a", 1), ("a.", 3), ("a..b", 3), ("a.[0]", 3), ("[", 2), ("[]", 2), ("[a]", 2),
    ("[-1]", 2), ("[1", 3), ("[1a]", 3), ("[1]a", 4), ("[1000000000]", 2), ("a]", 2),
    (#"a"b"#, 2), (#"a.""#, 3), (#""a"#, 1), (#""a\n""#, 3), (#""a"b"#, 4), (" a", 1), ("a ", 2),
    ("a. b", 3), ("a\tb", 2), ("größe..x", 7), ("a\u{301}.b..c", 5), ("a.\u{7F}", 3),
  ])
  func `a fault names the first character that can't stand there`(text: String, column: Int) {
    #expect {
      try FieldPath(text)
    } throws: { error in
      let fault = error as? TextFault
      return fault?.column == column && fault?.message.isEmpty == false
    }
  }

  @Test func `a path is bounded in bytes and in steps`() throws {
    #expect(try FieldPath(String(repeating: "a", count: 1024)).steps.count == 1)
    #expect(throws: TextFault.self) { try FieldPath(String(repeating: "a", count: 1025)) }
    #expect(try FieldPath(String(repeating: "[0]", count: 64)).steps.count == 64)
    #expect(throws: TextFault.self) { try FieldPath(String(repeating: "[0]", count: 65)) }
  }

  @Test func `the empty path is the whole payload`() throws {
    #expect(try FieldPath("") == .whole)
    #expect(FieldPath.whole.description == "")
  }

  @Test func `keys are told apart by their bytes`() throws {
    #expect(try FieldPath("e\u{301}") != FieldPath("\u{E9}"))
  }

  @Test func `a description is read back as the same path`() throws {
    var random = SplitMix64(seed: 11)
    let pieces = ["a", ".", "[", "]", "\"", "\\", " ", "0", "7", "é", "\t", "x/y"]
    var pathCount = 0
    for _ in 0..<20_000 {
      let text = (0..<Int(random.next() % 8)).map { _ in
        pieces[Int(random.next() % UInt64(pieces.count))]
      }.joined()
      guard let path = try? FieldPath(text) else { continue }
      pathCount += 1
      #expect(try FieldPath(path.description) == path, "\(text)")
    }
    #expect(pathCount > 2_000)
  }
}
