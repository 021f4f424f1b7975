/// Where libFuzzer comes in; `Tests/Real/decoder-test` builds it, once for each language.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer says how many bytes there are, and keeps them until we are back.
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    #if FUZZ_IEC
        checkProperties(of: bytes, as: .iec)
    #elseif FUZZ_SML
        checkProperties(of: bytes, as: .sml)
    #elseif FUZZ_P1
        checkProperties(of: bytes, as: .p1)
    #else
        checkSession(of: bytes)
    #endif
    return 0
}
