import Glibc
import Testing

/// `holdfast check` as an operator uses it.
@Suite struct CheckTests {
  private func check(
    _ arguments: [String],
    in scratch: Scratch
  ) async throws -> (status: ExitStatus, output: String) {
    try await run(Programs.holdfast, ["check"] + arguments, in: scratch)
  }

  @Test func `it ends with 0 or 1, over all files, and what it prints is right again`()
    async throws
  {
    let scratch = try Scratch()
    let directory = try scratch.makeDirectory("etc")
    let main = "\(directory)/holdfast.toml"
    var settings = AgentSettings(sourceURL: "mqtt://${HOST:-127.0.0.1}:1", upstreamURL: "mqtt://b")
    settings.upstreamLines = [#"username = "u""#, #"password = "hunter2""#]
    try writeText(main, settings.text)
    chmod(main, 0o600)
    mkdir("\(directory)/conf.d", 0o755)
    try writeText("\(directory)/conf.d/site.toml", "[ring]\nsize = \"128MiB\"\n")

    let right = try await check(["--config", main], in: scratch)
    #expect(right.status == .code(0))
    #expect(right.output.hasPrefix("\(main): ok\n  with      \(directory)/conf.d/site.toml\n"))
    #expect(right.output.contains("128MiB") && right.output.contains("mqtt://127.0.0.1:1 "))

    let effective = try await check(["--config", main, "--print-effective"], in: scratch)
    #expect(effective.status == .code(0))
    #expect(!effective.output.contains("hunter2") && effective.output.contains("\"***\""))
    let copy = scratch.newPath("effective.toml")
    try writeText(copy, effective.output)
    chmod(copy, 0o600)
    let again = try await check(["--config", copy, "--print-effective"], in: scratch)
    #expect(again.status == .code(0))
    #expect(again.output == effective.output.replacing("  # default", with: ""))

    try writeText("\(directory)/conf.d/z.toml", "[ring]\nsise = 1\n\n[agent]\nnmae = \"x\"\n")
    let wrong = try await check(["--config", main], in: scratch)
    #expect(wrong.status == .code(1))
    let lines = wrong.output.split(separator: "\n")
    #expect(lines.count == 2, "\(wrong.output)")
    #expect(lines.first?.hasPrefix("\(directory)/conf.d/z.toml:2: unknown key \"sise\"") == true)
    #expect(lines.last?.hasPrefix("\(directory)/conf.d/z.toml:5: unknown key \"nmae\"") == true)
    let told = try await check(["--config", main, "--json"], in: scratch)
    let problems = try #require(JSONTree(told.output), "\(told.output)")
    #expect(told.status == .code(1) && problems["ok"]?.word == "false")
    #expect(problems["problems"]?.elements.count == 2)
    #expect(problems["problems"]?[0]?["file"]?.text == "\(directory)/conf.d/z.toml")
    #expect(problems["problems"]?[0]?["line"]?.integer == 2)
    #expect(problems["problems"]?[1]?["key"]?.text == "nmae")
    let started = try await run(Programs.holdfast, ["run", "--config", main], in: scratch)
    #expect(started.status == .code(78))
    #expect(started.output == wrong.output, "run says the same")
  }
}
