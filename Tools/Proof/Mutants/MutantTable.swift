/// Reads `Tests/Mutants/table.txt`.
///
/// Lines that begin with `#` are for people. `mutant NAME` begins one; `fault`, `suite` and `quick`
/// describe it; `file PATH` begins an edit; `-` and `+` before a line are what is taken out and
/// put in.
struct MutantTable {
  var mutants: [Mutant] = []

  /// - Throws: ``MutantError`` that names the line.
  init(_ text: String) throws {
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    where !line.isEmpty && !line.hasPrefix("#") {
      try add(line, number: index + 1)
    }
    for mutant in mutants {
      guard !mutant.suite.isEmpty, !mutant.fault.isEmpty, !mutant.edits.isEmpty else {
        throw MutantError("mutant \(mutant.name) lacks a fault, a suite or an edit")
      }
      guard mutant.edits.allSatisfy({ !$0.original.isEmpty }) else {
        throw MutantError("mutant \(mutant.name) has an edit that takes out nothing")
      }
      let isUsed = mutant.edits.contains { edit in
        edit.replacement.contains { $0.contains("Mutant." + mutant.switchName) }
      }
      guard isUsed else {
        throw MutantError("mutant \(mutant.name) never asks for Mutant.\(mutant.switchName)")
      }
    }
    guard Set(mutants.map(\.name)).count == mutants.count else {
      throw MutantError("two mutants have one name")
    }
  }

  private mutating func add(_ line: Substring, number: Int) throws {
    let words = line.split(separator: " ", maxSplits: 1)
    let rest = words.count > 1 ? String(words[1]) : ""
    if words[0] == "mutant", !rest.isEmpty {
      mutants.append(Mutant(name: rest))
      return
    }
    guard var mutant = mutants.popLast() else {
      throw MutantError("line \(number): \"\(line)\" stands before the first mutant")
    }
    defer { mutants.append(mutant) }
    switch words[0] {
    case "fault": mutant.fault = rest
    case "suite": mutant.suite = rest
    case "quick": mutant.quickArguments = rest
    case "file": mutant.edits.append(Mutant.Edit(path: rest, original: [], replacement: []))
    default:
      guard let first = line.first, first == "-" || first == "+",
        var edit = mutant.edits.popLast()
      else { throw MutantError("line \(number): \"\(line)\" says nothing") }
      if first == "-" {
        guard edit.replacement.isEmpty else {
          throw MutantError("line \(number): another edit begins with \"file\"")
        }
        edit.original.append(String(line.dropFirst()))
      } else {
        edit.replacement.append(String(line.dropFirst()))
      }
      mutant.edits.append(edit)
    }
  }

  /// The sources with every switch built in, by path.
  ///
  /// - Parameter read: the text of a file of the checkout; nil: there is none.
  /// - Throws: ``MutantError`` when an edit fits nowhere, or in more than one place.
  /// - Returns: only the files that a mutant changes.
  func applied(read: (String) -> String?) throws -> [String: String] {
    var texts: [String: String] = [:]
    for mutant in mutants {
      for edit in mutant.edits {
        guard let text = texts[edit.path] ?? read(edit.path) else {
          throw MutantError("mutant \(mutant.name): no file \(edit.path)")
        }
        texts[edit.path] = try Self.apply(edit, to: text, mutant.name)
      }
    }
    return texts
  }

  private static func apply(_ edit: Mutant.Edit, to text: String, _ name: String) throws -> String {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let places = lines.indices.filter { lines[$0...].starts(with: edit.original) }
    guard places.count == 1, let place = places.first else {
      throw MutantError(
        "mutant \(name): its lines stand \(places.count) times in \(edit.path), not once"
      )
    }
    lines.replaceSubrange(place..<place + edit.original.count, with: edit.replacement)
    return lines.joined(separator: "\n")
  }

  /// The source that holds the switches; goes into the target that all others import.
  var switches: String {
    var text = """
      internal import Glibc

      /// Faults that are switched on by their name in HOLDFAST_MUTANT.
      public enum Mutant {
        static let active = unsafe getenv("HOLDFAST_MUTANT").map { unsafe String(cString: $0) } ?? ""

      """
    for mutant in mutants {
      text += "  /// \(mutant.fault)\n"
      text += "  public static let \(mutant.switchName) = active == \"\(mutant.name)\"\n"
    }
    return text + "}\n"
  }
}
