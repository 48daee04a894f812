import Glibc
import Testing

@testable import proof

@Suite struct MutantTableTests {
  private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    .dropLast(3).joined(separator: "/")

  private static func text(of path: String) -> String? {
    guard let file = unsafe fopen(root + "/" + path, "r") else { return nil }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe fread(&chunk, 1, chunk.count, file)
      if count == 0 { break }
      bytes += chunk.prefix(count)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func `every mutant of the table still fits the code, in one place each`() throws {
    let table = try MutantTable(try #require(Self.text(of: MutateCommand.tablePath)))
    let texts = try table.applied(read: Self.text)
    for mutant in table.mutants {
      for edit in mutant.edits { #expect(texts[edit.path] != Self.text(of: edit.path)) }
    }
  }

  @Test func `the table holds twenty mutants or more, and a quick few`() throws {
    let table = try MutantTable(try #require(Self.text(of: MutateCommand.tablePath)))
    #expect(table.mutants.count >= 20)
    #expect(table.mutants.count { !$0.quickArguments.isEmpty } >= 5)
  }

  private static let sample = """
    # for people
    mutant no-sync
    fault nothing is synced
    suite Some
    file a.swift
    -  sync()
    +  if !Mutant.noSync { sync() }
    """

  @Test func `an edit puts the switch in place of its lines and leaves the rest`() throws {
    let table = try MutantTable(Self.sample)
    let texts = try table.applied { $0 == "a.swift" ? "func a() {\n  sync()\n}\n" : nil }
    #expect(texts == ["a.swift": "func a() {\n  if !Mutant.noSync { sync() }\n}\n"])
    #expect(table.switches.contains("public static let noSync = active == \"no-sync\""))
  }

  @Test(arguments: ["func a() {}\n", "  sync()\n  sync()\n"])
  func `an edit that fits nowhere or twice is refused`(source: String) throws {
    let table = try MutantTable(Self.sample)
    #expect(throws: MutantError.self) { try table.applied { _ in source } }
  }

  @Test func `an edit of a file that is gone is refused`() throws {
    let table = try MutantTable(Self.sample)
    #expect(throws: MutantError.self) { try table.applied { _ in nil } }
  }

  @Test(arguments: [
    sample.replacing("suite Some\n", with: ""), sample.replacing("-  sync()\n", with: ""),
    sample.replacing("Mutant.noSync", with: "true"), sample + "\n" + sample, "fault x",
    sample + "\nnonsense", sample + "\n-  more",
  ])
  func `a table that says less or more than it must is refused`(text: String) {
    #expect(throws: MutantError.self) { try MutantTable(text) }
  }
}
