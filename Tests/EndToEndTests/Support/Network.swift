import Glibc

/// A network namespace whose only link, the loopback, can be cut between the agent and a broker.
///
/// The agent reaches each broker at an address of that broker's own, and nobody else uses it.
final class Network {
  /// What happens to packets between the agent and a broker.
  enum Loss {
    /// Whatever the agent sends is answered by a reset.
    case reset
    /// Nothing comes through, in either direction, and nobody is told.
    case blackHole
    /// The agent is heard and hears nothing.
    case deafness
    /// Only packets that begin with a PUBACK are lost, in either direction.
    case acknowledgements
  }

  private let holder: ChildProcess
  /// Which holds this.
  private unowned let scratch: Scratch

  /// Nil, and noted as skipped, where this machine has no root, no namespaces or no nftables.
  init?(in scratch: Scratch) async throws {
    self.scratch = scratch
    guard getuid() == 0 else {
      Ledger.skip("a round in a network of its own", because: "not root")
      return nil
    }
    let script = "ip link set lo up && nft add table inet round && echo up && exec sleep 900"
    do {
      holder = try ChildProcess(
        "unshare",
        ["--net", "sh", "-c", script],
        output: scratch.newPath("network.log")
      )
    } catch {
      Ledger.skip("a round in a network of its own", because: "\(error)")
      return nil
    }
    let isUp = try await eventually(within: 10) {
      self.holder.output.contains("up\n") || self.holder.status != nil
    }
    guard isUp, holder.status == nil else {
      Ledger.skip("a round in a network of its own", because: holder.tail)
      return nil
    }
    try await nft("add chain inet round lost { type filter hook input priority 0; }")
    scratch.network = self
  }

  /// The program and its arguments as they run within the namespace.
  func wrap(_ program: String, _ arguments: [String]) -> (String, [String]) {
    ("nsenter", ["--net=/proc/\(holder.processID)/ns/net", "--", program] + arguments)
  }

  /// From now on, between the agent and the broker at one end.
  func lose(_ loss: Loss, at end: End) async throws {
    let address = end.address
    let rules =
      switch loss {
      case .reset: ["daddr \(address) meta l4proto tcp reject with tcp reset"]
      case .blackHole: ["daddr \(address) drop", "saddr \(address) drop"]
      case .deafness: ["saddr \(address) drop"]
      case .acknowledgements:
        [
          "daddr \(address) meta l4proto tcp @ih,0,8 0x40 counter drop",
          "saddr \(address) meta l4proto tcp @ih,0,8 0x40 counter drop",
        ]
      }
    for rule in rules { try await nft("add rule inet round lost ip \(rule)") }
  }

  /// All packets pass again.
  func heal() async throws { try await nft("flush chain inet round lost") }

  private func nft(_ command: String) async throws {
    let (program, arguments) = wrap("nft", command.split(separator: " ").map(String.init))
    let result = try await run(program, arguments, in: scratch)
    guard result.status == .code(0) else {
      throw TestFailure("nft \(command): \(result.output)")
    }
  }
}
