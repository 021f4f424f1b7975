/// Where libFuzzer comes in; `Tests/Real/decoder-test` builds it, once for each language.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    #if FUZZ_IEC
        let language = Language.iec
    #elseif FUZZ_SML
        let language = Language.sml
    #else
        let language = Language.p1
    #endif
    // SAFETY: libFuzzer says how many bytes there are, and keeps them until we are back.
    checkProperties(of: Array(UnsafeBufferPointer(start: start, count: count)), as: language)
    return 0
}
