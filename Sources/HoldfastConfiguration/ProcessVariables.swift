/// The variables that this process was started with, for `${NAME}`.
///
/// From `/proc/self/environ`, at most 1 MiB of it; of a name that stands twice the first counts, as in
/// getenv(3). What is no UTF-8 is left out, so that it counts as not set.
public func processVariables() -> [String: String] {
  let file = try? SmallFile(
    path: "/proc/self/environ",
    byteCountMax: SmallFile.configurationByteCountMax
  )
  var variables: [String: String] = [:]
  for entry in (file?.bytes ?? []).split(separator: 0) {
    guard let equals = entry.firstIndex(of: UInt8(ascii: "=")),
      let name = String(validating: entry[..<equals], as: UTF8.self),
      let value = String(validating: entry[(equals + 1)...], as: UTF8.self)
    else { continue }
    if variables[name] == nil { variables[name] = value }
  }
  return variables
}
