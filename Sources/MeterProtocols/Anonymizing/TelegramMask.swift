import Metering

/// One telegram, and where the names are in it.
protocol TelegramMask {
    func learn(_ pseudonyms: inout Pseudonyms)
    /// The telegram with its names replaced; `nil` if that is impossible.
    func masked(by pseudonyms: Pseudonyms) -> [UInt8]?
}

extension OBISCode {
    /// Whether the register identifies a meter, its owner or its place: device ids, serial numbers, addresses, keys, messages.
    var isName: Bool {
        switch (c, d) {
        case (0, 0), (42, 0), (96, 13), (96, 90): true
        // In P1, `0-0:96.1.4` is a version.
        case (96, 1): !(a == 0 && b == 0 && e == 4)
        // The public key.
        case (199, 130): a == 129 && e == 5
        default: false
        }
    }
}
