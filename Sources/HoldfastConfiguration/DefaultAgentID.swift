/// The agent id of a machine whose operator set none: `edge-` and 12 hexadecimal digits.
///
/// The machine id itself is confidential by its manual page and never leaves the machine; the
/// digits are the low bits of a hash of it. Empty, thus no valid id, for an empty machine id.
///
/// - Parameter machineID: the text of `/etc/machine-id`.
/// - Returns: an agent id, or the empty text.
public func defaultAgentID(machineID: String) -> String {
  let digits = machineID.utf8.filter { $0 > 0x20 && $0 < 0x7F }
  guard !digits.isEmpty else { return "" }
  // 64-bit FNV-1a, salted with our name.
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  for byte in Array("holdfast agent id ".utf8) + digits {
    hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
  }
  let text = String(hash & 0xffff_ffff_ffff, radix: 16)
  return "edge-" + String(repeating: "0", count: 12 - text.count) + text
}
