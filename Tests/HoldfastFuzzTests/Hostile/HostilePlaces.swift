import Glibc
import HoldfastEvent
import HoldfastRingLog
import HoldfastSystem

/// Something in the place of a file or directory of ours, on a real file system.
let hostilePlaces = HostileArea<@Sendable (String) -> Void>("place") { prepare in
  var template = Array("/tmp/holdfast-hostile-XXXXXX".utf8CString)
  guard let made = mkdtemp(&template) else { return "no directory" }
  let path = String(cString: made)
  defer { removeTree(path) }
  mkdir("\(path)/ring", 0o700)
  prepare(path)
  let disk = PosixDisk(path: path, access: .exclusive)
  let ring = RingLog(
    disk: disk,
    configuration: RingConfiguration(),
    sources: ["floor"],
    upstreams: ["central"],
    machine: 7,
    bootID: 1,
    newLog: LogID(high: 1, low: 2),
    now: ClockReading(boot: 1, wall: 1)
  )
  let said = ring.log.filter { $0.level >= .warning }.map { $0.message.dropFirst(10) }
  return (ring.isRecovered ? "started" : "in memory") + said.map { "; \($0)" }.joined()
}.rows([
  ("nothing strange", { _ in }, "started"),
  (
    "a quarantine that an earlier start filled",
    {
      mkdir("\($0)/ring/quarantine", 0o700)
      close(open("\($0)/ring/quarantine/hot-00000001.seg", O_CREAT | O_WRONLY, 0o600))
    }, "started"
  ),
  (
    "a directory for a segment", { mkdir("\($0)/ring/hot-00000001.seg", 0o700) },
    "started; ring/hot-00000001.seg is not a file of ours; left alone"
  ),
  (
    "a link for a segment", { symlink("/etc/passwd", "\($0)/ring/hot-00000001.seg") },
    "started; ring/hot-00000001.seg is not a file of ours; left alone"
  ),
  (
    "a pipe for a segment", { mkfifo("\($0)/ring/hot-00000001.seg", 0o600) },
    "started; ring/hot-00000001.seg is not a file of ours; left alone"
  ),
  (
    "a directory for the state", { mkdir("\($0)/ring/state", 0o700) },
    """
    started; state open ring/state: errno 21; moved to quarantine; the state file can't \
    be read; counters begin at 0, what is stored is sent again
    """
  ),
  (
    "a link for the state", { symlink("/etc/passwd", "\($0)/ring/state") },
    """
    started; state open ring/state: errno 40; moved to quarantine; the state file can't \
    be read; counters begin at 0, what is stored is sent again
    """
  ),
  (
    "a link to nothing for the state", { symlink("/nonexistent", "\($0)/ring/state") },
    """
    started; state open ring/state: errno 40; moved to quarantine; the state file can't \
    be read; counters begin at 0, what is stored is sent again
    """
  ),
  (
    "a pipe for the state", { mkfifo("\($0)/ring/state", 0o600) },
    """
    started; state open ring/state: errno 22; moved to quarantine; the state file can't \
    be read; counters begin at 0, what is stored is sent again
    """
  ),
  (
    "a file for the ring's directory",
    {
      rmdir("\($0)/ring")
      close(open("\($0)/ring", O_CREAT | O_WRONLY, 0o600))
    },
    """
    in memory; state open ring: errno 20 and can't be moved aside: open ring: errno 20; \
    syncDirectory ring: errno 20; what is stored can't be reached: events are \
    acknowledged only when every upstream has them
    """
  ),
  (
    "a link for the ring's directory",
    {
      rmdir("\($0)/ring")
      symlink("/tmp", "\($0)/ring")
    },
    """
    in memory; state open ring: errno 20 and can't be moved aside: open ring: errno 20; \
    syncDirectory ring: errno 20; what is stored can't be reached: events are \
    acknowledged only when every upstream has them
    """
  ),
  (
    "a directory for the lock", { mkdir("\($0)/lock", 0o700) },
    """
    in memory; lock lock: errno 21; what is stored can't be reached: nothing is taken until it \
    can, as newer events would overtake it
    """
  ),
  (
    "a link for the lock", { symlink("/etc/passwd", "\($0)/lock") },
    """
    in memory; lock lock: errno 40; what is stored can't be reached: nothing is taken until it \
    can, as newer events would overtake it
    """
  ),
  (
    "a file for the quarantine", { close(open("\($0)/ring/quarantine", O_CREAT, 0o600)) },
    "started; unknown file ring/quarantine; left alone"
  ),
])

private func removeTree(_ path: String) {
  for folder in ["ring/quarantine", "ring", ""] {
    guard let stream = opendir("\(path)/\(folder)") else { continue }
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name == "." || name == ".." { continue }
      remove("\(path)/\(folder)/\(name)")
    }
    closedir(stream)
  }
  rmdir("\(path)/ring/quarantine")
  rmdir("\(path)/ring")
  rmdir(path)
}
