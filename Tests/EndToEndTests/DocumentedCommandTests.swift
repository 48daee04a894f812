import Glibc
import Testing

/// What the pages tell people to type, against what the program knows.
@Suite struct DocumentedCommandTests {
  private static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

  /// README and the pages under `docs`.
  private func pages() throws -> [String] {
    let directory = try #require(opendir("\(Self.root)/docs"))
    defer { closedir(directory) }
    var found = ["README.md"]
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".md") { found.append("docs/\(name)") }
    }
    return found.sorted()
  }

  @Test func `every command in the pages is one that the program knows`() async throws {
    let scratch = try Scratch()
    let help = try await run(Programs.holdfast, ["--experimental-dump-help"], in: scratch)
    let root = try #require(JSONTree(help.output)?["command"], "\(help.output.prefix(200))")
    var count = 0
    for page in try pages() {
      let text = try #require(contents(of: "\(Self.root)/\(page)"))
      for (line, command) in documentedCommands(in: text) {
        count += 1
        if let fault = commandFault(command, in: root) { Issue.record("\(page):\(line): \(fault)") }
      }
    }
    #expect(count > 20, "only \(count) commands were found in the pages")
  }

  @Test func `a command or an option that is not there is noticed`() throws {
    let text = """
      Say `holdfast rung ls`, or
      ```
      holdfast ring ls --jason --data-dir /x
      $ holdfast ring cat --from 1 | wc -l   # --never
      holdfast: no command
      ```
      and `holdfast ring` without more.
      """
    let commands = documentedCommands(in: text)
    #expect(commands.map(\.line) == [1, 3, 4, 7])
    let help = try #require(
      JSONTree(
        """
        {"commandName":"holdfast","subcommands":[{"commandName":"ring","subcommands":[
        {"commandName":"ls","arguments":[{"names":[{"kind":"long","name":"data-dir"}]}]},
        {"commandName":"cat","arguments":[{"names":[{"kind":"long","name":"from"}]}]}]}]}
        """
      )
    )
    #expect(
      commands.map { commandFault($0.words, in: help) } == [
        "holdfast has no command \"rung\"", "holdfast ring ls has no option --jason", nil, nil,
      ]
    )
  }

  private func contents(of path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while case let count = fread(&piece, 1, piece.count, file), count > 0 {
      bytes += piece[..<count]
    }
    return String(validating: bytes, as: UTF8.self)
  }
}

/// The words of each `holdfast …` in a page: lines of fenced blocks, and code within a line.
private func documentedCommands(in text: String) -> [(line: Int, words: [Substring])] {
  var found: [(line: Int, words: [Substring])] = []
  var isFenced = false
  for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
    if line.hasPrefix("```") {
      isFenced.toggle()
      continue
    }
    var snippets: [Substring] = []
    if isFenced {
      snippets = [line.hasPrefix("$ ") ? line.dropFirst(2) : line]
    } else {
      // Between backticks is what has an odd place.
      let parts = line.split(separator: "`", omittingEmptySubsequences: false)
      snippets = parts.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
    }
    for snippet in snippets where snippet.hasPrefix("holdfast ") {
      let words = snippet.split(separator: " ").dropFirst()
      let command = words.prefix { !["|", "#", "&&", ">", ";"].contains($0) }
      if !command.isEmpty { found.append((index + 1, Array(command))) }
    }
  }
  return found
}

/// What is wrong with a command; nil if the program would know its words.
///
/// Values are not looked at: a page may write FILE or a name of its own.
private func commandFault(_ words: [Substring], in help: JSONTree) -> String? {
  var command = help
  var path = "holdfast"
  var rest = words[...]
  while let word = rest.first, !word.hasPrefix("-"), !word.hasPrefix("["),
    let commands = command["subcommands"]?.elements, !commands.isEmpty
  {
    // `holdfast help COMMAND` is the parser's own.
    if word == "help" || word == "COMMAND" { return nil }
    guard let next = commands.first(where: { $0["commandName"]?.text == String(word) }) else {
      return "\(path) has no command \"\(word)\""
    }
    command = next
    path += " \(word)"
    rest = rest.dropFirst()
  }
  var known: Set<String> = ["help", "version", "h", "generate-completion-script"]
  for argument in command["arguments"]?.elements ?? [] {
    for name in argument["names"]?.elements ?? [] { known.formUnion([name["name"]?.text ?? ""]) }
  }
  for word in rest {
    let name = word.drop { $0 == "[" }
    guard name.hasPrefix("-") else { continue }
    let bare = name.drop { $0 == "-" }.prefix { $0.isLetter || $0.isNumber || $0 == "-" }
    guard !bare.isEmpty, bare.first?.isLetter == true else { continue }
    if !known.contains(String(bare)) { return "\(path) has no option --\(bare)" }
  }
  return nil
}
