#if FUZZ_STATE
    import StateTrial
#endif

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
    #elseif FUZZ_STATE
        // The script is what the fuzzer changes. The telegrams that come of it get their checksums afterwards, so that all are right.
        let failures = StateTrial.run(bytes).failures
        if !failures.isEmpty { fatalError(failures.joined(separator: "\n")) }
    #else
        checkSession(of: bytes)
    #endif
    return 0
}
