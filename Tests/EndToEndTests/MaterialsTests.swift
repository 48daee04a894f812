import Testing

/// The list of what the program is made of.
@Suite struct MaterialsTests {
  private static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

  @Test func `the list of parts is SPDX, whole, and has a licence for each`() async throws {
    let scratch = try Scratch()
    let script = Self.root + "/scripts/sbom.sh"
    let first = try await run("bash", [script, Programs.holdfast], in: scratch)
    try #require(first.status == .code(0), "\(first.output)")
    let second = try await run("bash", [script, Programs.holdfast], in: scratch)
    #expect(first.output == second.output, "the same inputs give the same bytes")

    let tree = try #require(JSONTree(first.output), "\(first.output)")
    #expect(tree["spdxVersion"]?.text == "SPDX-2.3")
    #expect(tree["dataLicense"]?.text == "CC0-1.0")
    let packages = tree["packages"]?.elements ?? []
    var versions: [String: String] = [:]
    var ids: Set<String> = []
    for package in packages {
      let name = try #require(package["name"]?.text)
      versions[name] = try #require(package["versionInfo"]?.text)
      #expect(versions[name]?.isEmpty == false, "\(name)")
      #expect(package["licenseDeclared"]?.text?.isEmpty == false, "\(name)")
      #expect(package["licenseDeclared"]?.text != "NOASSERTION", "\(name)")
      ids.insert(try #require(package["SPDXID"]?.text))
    }
    #expect(ids.count == packages.count)
    let linked = ["libmosquitto1", "libzstd1", "libc6"]
    for name in ["holdfast", "swift", "tomlplusplus"] + linked + packageNames() {
      #expect(versions[name] != nil, "\(name) is missing: \(versions.keys.sorted())")
    }
    let related = (tree["relationships"]?.elements ?? []).compactMap {
      $0["relatedSpdxElement"]?.text
    }
    #expect(Set(related) == ids, "each part is in a relation")
  }

  /// The Swift packages that Package.swift names.
  private func packageNames() -> [String] {
    readText(Self.root + "/Package.swift").split(separator: "\n").compactMap { line in
      guard line.contains(".package(url:"), let end = line.firstRange(of: "\", from:") else {
        return nil
      }
      return line[..<end.lowerBound].split(separator: "/").last.map { $0.lowercased() }
    }
  }

  @Test func `a part without a known licence ends it`() async throws {
    let scratch = try Scratch()
    let program = scratch.newPath("program")
    let source = scratch.newPath("program.c")
    try writeText(
      source,
      "#include <stdio.h>\n#include <math.h>\nint main(int c, char **v)"
        + "{ printf(\"0.1.0\\n\"); return v[0][0] == 0; }\n"
    )
    // A library of a Debian package that the script doesn't know.
    let built = try await run(
      "cc",
      ["-o", program, source, "-Wl,--no-as-needed", "-l:libresolv.so.2", "-l:libeatmydata.so"],
      in: scratch
    )
    guard built.status == .code(0) else {
      Ledger.skip("a part without a licence", because: built.output)
      return
    }
    let listed = try await run("bash", [Self.root + "/scripts/sbom.sh", program], in: scratch)
    #expect(listed.status == .code(1))
    #expect(listed.output.contains("no licence is known for libeatmydata1"), "\(listed.output)")
  }
}
