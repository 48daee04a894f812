import Glibc

/// Calls again for as long as a signal interrupts the call.
func retryingInterrupted<Result: FixedWidthInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}

/// The operating system's words for an error number.
func errorText(_ number: Int32) -> String {
  var text = [CChar](repeating: 0, count: 256)
  _ = unsafe strerror_r(number, &text, text.count)
  return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// The first `byteCountMax` bytes of a file; nil where it can't be read.
func readSmallFile(_ path: String, byteCountMax: Int) -> [UInt8]? {
  let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else { return nil }
  defer { _ = close(descriptor) }
  var bytes = [UInt8](repeating: 0, count: byteCountMax)
  let count = retryingInterrupted { unsafe read(descriptor, &bytes, byteCountMax) }
  return count < 0 ? nil : Array(bytes.prefix(count))
}

/// An environment variable's value.
func environmentValue(_ name: String) -> String? {
  unsafe getenv(name).map { unsafe String(cString: $0) }
}
