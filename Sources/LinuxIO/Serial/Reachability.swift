import Glibc

/// Whether TCP connections to this address are accepted now.
package func acceptsConnections(host: String, port: Int) -> Bool {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return false }
    defer { freeaddrinfo(list) }
    var next = list
    while let address = next?.pointee {
        let descriptor = socket(address.ai_family, address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), address.ai_protocol)
        defer { if descriptor >= 0 { close(descriptor) } }
        if descriptor >= 0, connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return true }
        next = address.ai_next
    }
    return false
}
