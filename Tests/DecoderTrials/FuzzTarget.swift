#if FUZZ_STATE
    import StateTrial
#endif

/// The entry point for libFuzzer; `Tests/Real/decoder-test` builds it once for each language.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes the number of bytes, and keeps them until this function returns.
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    #if FUZZ_IEC
        checkProperties(of: bytes, as: .iec)
    #elseif FUZZ_SML
        checkProperties(of: bytes, as: .sml)
    #elseif FUZZ_P1
        checkProperties(of: bytes, as: .p1)
    #elseif FUZZ_STATE
        // The fuzzer changes the script. Its telegrams get their checksums afterwards, so that all are correct.
        let failures = StateTrial.run(bytes).failures
        if !failures.isEmpty { fatalError(failures.joined(separator: "\n")) }
    #else
        checkSession(of: bytes)
    #endif
    return 0
}
