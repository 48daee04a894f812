import HoldfastEvent
import Testing

@Suite struct TopicNameTests {
  private func isName(_ bytes: [UInt8]) -> Bool {
    unsafe bytes.withUnsafeBytes { unsafe isTopicName($0) }
  }

  @Test(arguments: ["a", "/", "sensors/1/value", "größe/temperatur/ä", "a b", "日本/温度/12345678"])
  func `what MQTT allows is a topic`(topic: String) {
    #expect(isName(Array(topic.utf8)))
  }

  @Test func `a topic has 1 to 65,535 bytes`() {
    #expect(!isName([]))
    #expect(isName([UInt8](repeating: 97, count: 65_535)))
    #expect(!isName([UInt8](repeating: 97, count: 65_536)))
  }

  @Test func `NUL, wildcards and bytes that are no UTF-8 are found at any place`() {
    for count in 1...40 {
      for place in 0..<count {
        for byte in [0, UInt8(ascii: "#"), UInt8(ascii: "+"), 0x80, 0xff] {
          var topic = [UInt8](repeating: 97, count: count)
          topic[place] = byte
          #expect(!isName(topic), "\(byte) at \(place) of \(count)")
        }
      }
    }
  }

  /// Against the same said plainly.
  @Test func `random bytes are judged as by the letter`() {
    var random = SplitMix64(seed: 5)
    var goodCount = 0
    for _ in 0..<100_000 {
      let bytes = (0..<Int(random.next() % 24)).map { _ -> UInt8 in
        random.next() % 16 == 0 ? UInt8(random.next() & 0xff) : UInt8(random.next() & 0x7f)
      }
      let isGood =
        !bytes.isEmpty && !bytes.contains(0) && !bytes.contains(UInt8(ascii: "#"))
        && !bytes.contains(UInt8(ascii: "+")) && String(validating: bytes, as: UTF8.self) != nil
      if isGood { goodCount += 1 }
      #expect(isName(bytes) == isGood, "\(bytes)")
    }
    #expect(goodCount > 1_000)
  }
}
