import Glibc

/// A number that the environment asks for, to do more or less than the ordinary run.
func environmentNumber(_ name: String) -> UInt64? {
  unsafe getenv(name).flatMap { unsafe UInt64(String(cString: $0)) }
}
