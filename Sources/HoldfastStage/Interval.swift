internal import HoldfastEvent

/// Whether an interval that began at `start` is over, both by the boot clock, microseconds.
///
/// Where that clock went back the device was started anew, and any interval counts as over.
func isOver(_ interval: Int64, since start: Int64, at now: Int64) -> Bool {
  now < start || now.subtractingSaturated(start) >= interval
}
