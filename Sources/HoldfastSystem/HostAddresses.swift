import Glibc

/// The addresses that a host name stands for, as numbers in text, in the order in which they are
/// tried; empty where it can't be resolved.
///
/// Blocks for as long as the resolver does.
func hostAddresses(_ host: String) -> [String] {
  var hints = unsafe addrinfo()
  unsafe hints.ai_family = AF_UNSPEC
  unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
  var list: UnsafeMutablePointer<addrinfo>?
  guard unsafe getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
  defer { unsafe freeaddrinfo(list) }
  var addresses: [String] = []
  var next = unsafe list
  while let entry = unsafe next {
    var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let code = unsafe getnameinfo(
      entry.pointee.ai_addr,
      entry.pointee.ai_addrlen,
      &text,
      socklen_t(text.count),
      nil,
      0,
      NI_NUMERICHOST
    )
    let name = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    addresses.append(code == 0 ? String(decoding: name, as: UTF8.self) : "?")
    unsafe next = unsafe entry.pointee.ai_next
  }
  return addresses
}
