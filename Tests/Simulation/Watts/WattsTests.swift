import Glibc
import Metering
import Testing

/// The quality of the power that is estimated from whole watt-hours, with all delays between meter and broker.
@Suite struct WattsTests {
    #if DEBUG
        private static let (seeds, firstSeeds, steadySeconds) = (UInt64(1)...2, UInt64(1)...4, 900.0)
    #else
        private static let (seeds, firstSeeds, steadySeconds) = (UInt64(1)...8, UInt64(1)...16, 7200.0)
    #endif

    /// Prints the table; with `JOULED_WATTS=FILE.svg` in the environment it also draws the picture. See docs/power.md.
    @Test func theGoalsAreReached() throws {
        let table = WattsTable(seeds: Self.seeds, firstSeeds: Self.firstSeeds, steadySeconds: Self.steadySeconds)
        print(table.text)
        #expect(table.failures == [])
        // SAFETY: no other thread changes the environment.
        if let path = getenv("JOULED_WATTS") { #expect(write(table.picture.svg, to: String(cString: path))) }
        #expect(table.picture.svg.hasSuffix("</svg>\n"))
    }

    private func write(_ text: String, to path: String) -> Bool {
        guard let file = fopen(path, "w") else { return false }
        defer { fclose(file) }
        return fputs(text, file) >= 0
    }
}
