import Glibc
import Testing

/// Every committed input of every fuzz target, with the verdict that libFuzzer would give.
@Suite struct CorpusTests {
  @Test(arguments: fuzzTargets.map(\.name))
  func `every committed input passes`(name: String) throws {
    let target = try #require(fuzzTargets.first { $0.name == name })
    let inputs = try Corpus.inputs(of: name)
    #expect(!inputs.isEmpty, "no input in Corpus/\(name)")
    for input in inputs {
      do throws(Finding) {
        try target.run(input.bytes)
      } catch {
        Issue.record("Corpus/\(name)/\(input.name): \(error)")
      }
    }
  }

  @Test func `every folder of the corpus belongs to a target`() throws {
    #expect(try Corpus.folders() == fuzzTargets.map(\.name).sorted())
  }

  @Test func `the corpus stays small enough to carry along`() throws {
    let byteCount = try fuzzTargets.reduce(0) { sum, target in
      try sum + Corpus.inputs(of: target.name).reduce(0) { $0 + $1.bytes.count }
    }
    #expect(byteCount <= 2 << 20)
  }

  @Test(arguments: fuzzTargets.map(\.name))
  func `an empty input and a long one pass`(name: String) throws {
    let target = try #require(fuzzTargets.first { $0.name == name })
    try target.run([])
    try target.run([UInt8](repeating: 0xff, count: 70_000))
    try target.run((0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 0x9E37 >> 7) })
  }

  @Test func `a target's verdict can be a bad one`() {
    #expect(throws: Finding.self) { try check(false, "wrong") }
  }
}

/// The files under `Corpus`.
enum Corpus {
  private static var path: String {
    let here = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return here.dropLast(2).joined(separator: "/") + "/Corpus"
  }

  static func folders() throws -> [String] { try names(in: path) }

  static func inputs(of target: String) throws -> [(name: String, bytes: [UInt8])] {
    try names(in: "\(path)/\(target)").map { name in
      let file = try #require(fopen("\(path)/\(target)/\(name)", "rb"))
      defer { fclose(file) }
      var bytes = [UInt8](repeating: 0, count: 1 << 20)
      let count = fread(&bytes, 1, bytes.count, file)
      return (name, Array(bytes.prefix(count)))
    }
  }

  private static func names(in path: String) throws -> [String] {
    let directory = try #require(opendir(path))
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }
}
