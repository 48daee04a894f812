import HoldfastRingLog

/// The data directory with its lock, handed from one core to the next when the configuration changes.
///
/// Used by one thread at a time: by an agent's until it has reported that it is stopped, then by the
/// next agent's. Hence `@unchecked`.
final class HeldDisk: @unchecked Sendable {
  let disk: PosixDisk

  init(path: String) { disk = PosixDisk(path: path, access: .exclusive) }
}
