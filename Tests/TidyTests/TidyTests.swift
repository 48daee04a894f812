import Testing

/// The rules of style that matter, checked on every source of the checkout.
@Suite struct TidyTests {
  private let sources = Checkout.swiftFiles(below: ["Sources", "Tools"])
  private let all = Checkout.swiftFiles(below: ["Sources", "Tools", "Tests"])

  private func code(_ path: String) throws -> SwiftCode {
    SwiftCode(path: path, text: try #require(Checkout.text(of: path), "\(path) is no text"))
  }

  private func expectNone(_ faults: [Fault]) {
    for fault in faults { Issue.record("\(fault.description)") }
  }

  @Test func theCheckoutIsFound() {
    #expect(sources.count > 20)
    let isThere = all.contains("Tests/TidyTests/TidyTests.swift")
    #expect(isThere)
  }

  @Test func everyTargetImportsOnlyWhatItMay() throws {
    for path in sources { expectNone(importFaults(try code(path))) }
  }

  @Test func noBannedWordStandsInCode() throws {
    for path in all { expectNone(banFaults(try code(path))) }
  }

  @Test func noFileIsTooLong() throws {
    for path in all {
      expectNone(fileSizeFaults(path: path, text: try #require(Checkout.text(of: path))))
    }
  }

  @Test func noFunctionIsTooLong() throws {
    for path in all { expectNone(functionSizeFaults(try code(path))) }
  }

  @Test func noTextHoldsMarkersMachinePathsOrTrailingSpace() {
    for path in Checkout.files() {
      guard let text = Checkout.text(of: path) else { continue }
      expectNone(textFaults(path: path, text: text))
    }
  }

  @Test func theReadmeNamesEveryTarget() throws {
    guard let readme = Checkout.text(of: "README.md") else { return }
    let package = try #require(Checkout.text(of: "Package.swift"))
    expectNone(readmeFaults(readme: readme, package: package))
  }

  @Test func everyTargetHasARowInTheImportTable() throws {
    let package = try #require(Checkout.text(of: "Package.swift"))
    // Tools have a folder of another name than their target; C targets import nothing of ours.
    let tools: Set = ["traffic", "bench", "proof", "fuzz", "kafka-mock"]
    let names = targetNames(package: package).filter { !$0.hasPrefix("C") && !tools.contains($0) }
    let rows = Set(allowedImports.keys).subtracting(["Traffic", "Bench", "Proof", "KafkaMock"])
    #expect(Set(names) == rows)
  }

  @Test func everyLinkLeadsSomewhere() throws {
    let files = Set(Checkout.files())
    let makefile = try #require(Checkout.text(of: "Makefile"))
    let pages = files.filter { $0.hasSuffix(".md") }.sorted()
    #expect(pages.count > 5)
    for path in pages {
      let text = try #require(Checkout.text(of: path))
      expectNone(
        linkFaults(
          path: path,
          text: text,
          exists: { path in files.contains { $0 == path || $0.hasPrefix("\(path)/") } },
          textOf: Checkout.text
        )
      )
      expectNone(makeFaults(path: path, text: text, makefile: makefile))
    }
  }
}
