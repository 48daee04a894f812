// The program `fuzz`: libFuzzer brings `main` and calls this once per input.
// `scripts/fuzz.sh` builds it; the package leaves it out of every other build.

import Glibc

/// Chosen by the environment, so that one build serves all targets.
private let chosenTarget: FuzzTarget? = {
  guard let name = getenv("HOLDFAST_FUZZ_TARGET") else { return nil }
  return fuzzTargets.first { $0.name == String(cString: name) }
}()

/// Judges one input for libFuzzer; aborts when something is wrong.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  guard let chosenTarget else {
    for target in fuzzTargets { puts(target.name) }
    exit(64)
  }
  do throws(Finding) {
    try chosenTarget.run(Array(UnsafeBufferPointer(start: start, count: count)))
  } catch {
    puts("finding: \(error)")
    fflush(nil)
    abort()
  }
  return 0
}
