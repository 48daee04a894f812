import Glibc
import Testing

@testable import HoldfastSystem

@Suite struct LineOutputTests {
  /// Runs `body` with a file that is appended to and holds `text`.
  private func appending(
    to text: String,
    flags: Int32 = O_APPEND,
    _ body: (Int32) throws -> Void
  ) throws -> String {
    let directory = TemporaryDirectory()
    let path = directory.path + "/lines"
    let file = open(path, O_RDWR | O_CREAT, 0o600)
    let bytes = Array(text.utf8)
    #expect(write(file, bytes, bytes.count) == bytes.count)
    close(file)
    let descriptor = open(path, O_WRONLY | flags)
    defer { close(descriptor) }
    try body(descriptor)
    return String(decoding: readSmallFile(path, byteCountMax: 1 << 20) ?? [], as: UTF8.self)
  }

  @Test(arguments: [
    ("", ""), ("a\n", "a\n"), ("a\nb", "a\n"), ("b", ""), ("a\n\n{\"half", "a\n\n"),
  ])
  func whatWasNotAWholeLineIsCutOff(_ text: String, _ expected: String) throws {
    let left = try appending(to: text) { descriptor in
      let output = LineOutput(descriptor: descriptor)
      #expect(output.trim() == text.utf8.count - expected.utf8.count)
      let outcome = output.write(Array("next\n".utf8), wake: -1) { false }
      #expect(outcome == .written)
    }
    #expect(left == expected + "next\n")
  }

  @Test func aLongHalfLineIsCutOffWhole() throws {
    let half = String(repeating: "x", count: 200_000)
    let left = try appending(to: "a\n" + half) { descriptor in
      #expect(LineOutput(descriptor: descriptor).trim() == 200_000)
    }
    #expect(left == "a\n")
  }

  @Test func aFileThatIsNotAppendedToStaysAsItIs() throws {
    let left = try appending(to: "a\nb", flags: 0) { descriptor in
      #expect(LineOutput(descriptor: descriptor).trim() == 0)
    }
    #expect(left == "a\nb")
  }

  @Test func aPipeIsWrittenUntilItsReaderGoes() {
    _ = signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [-1, -1]
    #expect(pipe(&ends) == 0)
    let output = LineOutput(descriptor: ends[1])
    #expect(output.trim() == 0)
    #expect(output.write([65, 10], wake: -1) { false } == .written)
    close(ends[0])
    #expect(output.write([65, 10], wake: -1) { false } == .failed(EPIPE))
    close(ends[1])
  }

  @Test func aFullPipeCanBeInterrupted() {
    var ends: [Int32] = [-1, -1]
    #expect(pipe(&ends) == 0)
    let wake = EventDescriptor()
    wake.signal()
    let outcome = LineOutput(descriptor: ends[1])
      .write([UInt8](repeating: 65, count: 1 << 20), wake: wake.descriptor) { true }
    #expect(outcome == .interrupted)
    for end in ends { close(end) }
  }
}
