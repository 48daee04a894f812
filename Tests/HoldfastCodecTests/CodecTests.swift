import HoldfastCodec
import Testing

@Suite struct CodecTests {
  /// RFC 3720, appendix B.4, and the check value of the polynomial.
  @Test(arguments: [
    ([UInt8](repeating: 0, count: 32), UInt32(0x8a91_36aa)),
    ([UInt8](repeating: 0xff, count: 32), UInt32(0x62a8_ab43)),
    ([UInt8](0..<32), UInt32(0x46dd_794e)),
    ([UInt8]((0..<32).reversed()), UInt32(0x113f_db5c)),
    (Array("123456789".utf8), UInt32(0xe306_9283)),
    ([], UInt32(0)),
  ])
  func bothPathsAgreeWithThePublishedChecksums(bytes: [UInt8], checksum: UInt32) {
    #expect(crc32c(bytes[...]) == checksum)
    #expect(portableCRC32C(bytes[...]) == checksum)
  }

  @Test func theHardwarePathEqualsTheTablesAtEveryLengthAndSeed() {
    let bytes = (0..<600).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }
    for start in 0..<9 {
      for end in start..<bytes.count where end % 7 < 3 {
        let part = bytes[start..<end]
        let seed = UInt32(truncatingIfNeeded: end &* 2_654_435_761)
        #expect(crc32c(part, seed: seed) == portableCRC32C(part, seed: seed))
      }
    }
  }

  @Test("Long texts, which the instruction takes in lanes, have the checksum that the tables give")
  func lanesMeetWithoutASeam() {
    let bytes = (0..<5_000).map { UInt8(truncatingIfNeeded: ($0 &* $0) >> 3 &+ $0 &* 91) }
    for end in stride(from: 600, through: bytes.count, by: 37) + [767, 768, 769, 1535, 1536, 1544] {
      for start in [0, 1, 5] {
        let part = bytes[start..<end]
        let seed = UInt32(truncatingIfNeeded: end &* 2_654_435_761)
        #expect(crc32c(part, seed: seed) == portableCRC32C(part, seed: seed))
      }
    }
  }

  @Test func aChecksumCanBeContinued() {
    let bytes = Array("gateways in plants, boats and barns".utf8)
    let whole = crc32c(bytes[...])
    #expect(crc32c(bytes[10...], seed: crc32c(bytes[..<10])) == whole)
  }

  @Test func eachPieceOfAChainCanBeReadOnceAllBeforeItWere() {
    var compressor = ChainCompressor(level: 1, windowLog: 20)
    var pieces: [(raw: [UInt8], packed: [UInt8])] = []
    for index in 0..<50 {
      let raw = Array("sensors/hall-\(index % 3)/temperature 21.\(index * 7 % 100);".utf8)
      var packed: [UInt8] = []
      let isDone = compressor.flush(raw, into: &packed)
      #expect(isDone)
      #expect(packed.count <= ChainCompressor.byteCountBound(raw.count))
      pieces.append((raw, packed))
    }
    var decompressor = ChainDecompressor(windowLogMax: 21)
    for (raw, packed) in pieces {
      var read: [UInt8] = []
      let isDone = decompressor.decompress(packed[...], rawByteCount: raw.count, into: &read)
      #expect(isDone)
      #expect(read == raw)
    }
  }

  @Test("What comes out does not depend on what a context was used for before")
  func contextsForgetWhatWentThroughThem() {
    let contexts = CodecContexts(keeping: 1)
    func packed(_ level: Int32, _ contexts: CodecContexts) -> [UInt8] {
      var compressor = ChainCompressor(level: level, windowLog: 18, contexts: contexts)
      var packed: [UInt8] = []
      for index in 0..<20 {
        let raw = [UInt8]((0..<500).map { UInt8(truncatingIfNeeded: $0 / 7 &* (index % 4 &+ 1)) })
        let isPacked = compressor.flush(raw, into: &packed)
        #expect(isPacked)
      }
      return packed
    }
    let fresh = [packed(1, CodecContexts()), packed(5, CodecContexts())]
    #expect(contexts.keptCount == 0)
    for round in 0..<6 {
      #expect(packed(round & 1 == 0 ? 1 : 5, contexts) == fresh[round & 1])
      #expect(contexts.keptCount == 1)
    }
  }

  @Test("What a damaged piece went through reads the next chain")
  func damageDoesNotStayInAContext() {
    let contexts = CodecContexts(keeping: 1)
    let raw = Array("sensors/hall-1/temperature 21.5; sensors/hall-1/temperature 21.6".utf8)
    var packed: [UInt8] = []
    var compressor = ChainCompressor(level: 1, windowLog: 20)
    let isPacked = compressor.flush(raw, into: &packed)
    #expect(isPacked)
    for index in packed.indices {
      do {
        var damaged = packed
        damaged[index] ^= 0xff
        var first = ChainDecompressor(windowLogMax: 21, contexts: contexts)
        var second = ChainDecompressor(windowLogMax: 21, contexts: contexts)
        var read: [UInt8] = []
        _ = first.decompress(damaged[...], rawByteCount: raw.count, into: &read)
        _ = second.decompress(damaged.dropLast(), rawByteCount: raw.count, into: &read)
      }
      #expect(contexts.keptCount == 1)
      var decompressor = ChainDecompressor(windowLogMax: 21, contexts: contexts)
      var read: [UInt8] = []
      let isRead = decompressor.decompress(packed[...], rawByteCount: raw.count, into: &read)
      #expect(isRead && read == raw)
    }
  }

  @Test func whatDoesNotCompressStaysWithinTheBound() {
    var state: UInt64 = 1
    let raw = (0..<300_000).map { _ -> UInt8 in
      state = state &* 6_364_136_223_846_793_005 &+ 1
      return UInt8(truncatingIfNeeded: state >> 56)
    }
    var compressor = ChainCompressor(level: 3, windowLog: 20)
    var packed: [UInt8] = []
    let isPacked = compressor.flush(raw, into: &packed)
    #expect(isPacked)
    #expect(packed.count <= ChainCompressor.byteCountBound(raw.count))
    var decompressor = ChainDecompressor(windowLogMax: 21)
    var read: [UInt8] = []
    let isRead = decompressor.decompress(packed[...], rawByteCount: raw.count, into: &read)
    #expect(isRead && read == raw)
  }

  @Test func aDamagedOrLongerPieceIsRefusedAndCostsNoMoreMemoryThanAskedFor() {
    var compressor = ChainCompressor(level: 1, windowLog: 20)
    var packed: [UInt8] = []
    let raw = [UInt8](repeating: 7, count: 1 << 20)
    let isPacked = compressor.flush(raw, into: &packed)
    #expect(isPacked)
    for claimed in [0, 100, raw.count - 1, raw.count + 1] {
      var decompressor = ChainDecompressor(windowLogMax: 21)
      var read: [UInt8] = []
      let isRead = decompressor.decompress(packed[...], rawByteCount: claimed, into: &read)
      #expect(!isRead)
      #expect(read.count <= claimed + 1)
    }
    for index in packed.indices {
      var damaged = packed
      damaged[index] ^= 0x55
      var decompressor = ChainDecompressor(windowLogMax: 21)
      var read: [UInt8] = []
      // Some damage only changes the bytes; that is what the block's checksum is for.
      _ = decompressor.decompress(damaged[...], rawByteCount: raw.count, into: &read)
      #expect(read.count <= raw.count + 1)
    }
  }

  @Test(arguments: [0, 1, 100, 70_000, 1 << 20])
  func gzipGivesBackWhatWentIn(count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 4) }
    for level: Int32 in [1, 6, 9] {
      let member = try #require(gzipCompressed(bytes[...], level: level))
      #expect(member.starts(with: [0x1F, 0x8B]))
      #expect(gzipDecompressed(member[...], byteCountMax: count) == bytes)
      #expect(gzipCompressed(bytes[...], level: level) == member, "always the same bytes")
      #expect(gzipDecompressed(member[...], byteCountMax: count - 1) == nil, "longer than asked")
    }
  }

  /// `printf holdfast | gzip -n -9`, by GNU gzip.
  @Test func gzipReadsWhatAnotherWriterWrote() {
    let member: [UInt8] = [
      31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 203, 200, 207, 73, 73, 75, 44, 46, 1, 0,
      31, 208, 116, 12, 8, 0, 0, 0,
    ]
    #expect(gzipDecompressed(member[...], byteCountMax: 100) == Array("holdfast".utf8))
  }

  @Test func aDamagedGzipMemberIsRefused() throws {
    let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0 / 3) }
    let member = try #require(gzipCompressed(bytes[...], level: 6))
    // Time, flags for speed and operating system say nothing about the contents.
    for index in member.indices where !(4..<10).contains(index) {
      var damaged = member
      damaged[index] ^= 0x55
      #expect(gzipDecompressed(damaged[...], byteCountMax: 10_000) == nil, "byte \(index)")
    }
    for count in member.indices {
      #expect(gzipDecompressed(member[..<count], byteCountMax: 10_000) == nil)
    }
    #expect(gzipDecompressed((member + [0])[...], byteCountMax: 10_000) == nil)
    #expect(gzipDecompressed([], byteCountMax: 10_000) == nil)
  }

  @Test func aGzipBombCostsNoMoreThanAskedFor() throws {
    let member = try #require(
      gzipCompressed([UInt8](repeating: 0, count: 64 << 20)[...], level: 9)
    )
    #expect(gzipDecompressed(member[...], byteCountMax: 1 << 20) == nil)
  }
}
