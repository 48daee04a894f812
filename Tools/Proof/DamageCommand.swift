import ArgumentParser
import HoldfastRingLog
import HoldfastSimulation

/// Flips bits, cuts files off and mixes up sectors of rings at rest.
struct DamageCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "damage",
    abstract: "Damages a ring byte by byte; each start must lose what it must, and say so exactly."
  )

  @Option(help: "Payload bits to flip in a ring of 1 MiB, besides all bits of its headers.")
  var payloadBits = 500_000

  @Option(help: "Flips each so-manieth bit only.")
  var stride = 1

  @Option(help: "Searches at a time.")
  var threads = 2

  func run() async throws {
    let start = ContinuousClock.now
    var figures = ExplorerFigures()
    for damage in DamageExplorer.Damage.ofSmallRings {
      let isByByte = damage == .flippedBit || damage == .truncated
      figures.add(
        await DamageExplorer.small.run(
          damage,
          stride: isByByte ? stride : 1,
          threadCount: threads
        )
      )
      log("\(damage.rawValue): \(figures.caseCount) cases so far")
    }
    let smallCount = DamageExplorer.small.byteCount * 8 / stride
    let large = DamageExplorer.large
    figures.add(await large.run(.headerBit, stride: stride, threadCount: threads))
    log("headers of the large ring: \(figures.caseCount) cases so far")
    figures.add(await large.run(.payloadBit, countMax: payloadBits, threadCount: threads))
    try FigureTable(
      title: "Damaged rings",
      figures: figures,
      requiredSteps: DamageExplorer.steps,
      targets: [
        ("bits flipped, 64 KiB ring", figures.counts["flippedBit"] ?? 0, min(524_288, smallCount)),
        ("payload bits, 1 MiB ring", figures.counts["payloadBit"] ?? 0, payloadBits),
        ("bytes, large ring", large.byteCount, 1 << 20),
      ],
      seconds: (ContinuousClock.now - start) / .seconds(1)
    ).finish()
  }
}
