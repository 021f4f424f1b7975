import Configuration
import LinuxIO
import MeterDaemon
import Testing

@Suite struct TOMLFileTests {
    func parse(_ text: String) throws(ConfigurationErrors) -> TOMLTable { try parseTOML(Array(text.utf8), file: "c.toml") }

    func error(_ bytes: [UInt8]) -> String? {
        do throws(ConfigurationErrors) {
            _ = try parseTOML(bytes, file: "c.toml")
            return nil
        } catch {
            return error.description
        }
    }

    func error(_ text: String) -> String? { error(Array(text.utf8)) }

    @Test func keepsEachKindWithItsPlace() throws {
        let table = try parse(
            "text = \"é\\u0000\"\ninteger = 1_000 # c\nfloat = -0.10\nflag = false\ntime = 1979-05-27 07:32:00 \nlist = [ 1.0,\n 2e3 ]\n")
        #expect(table.entries.map(\.key) == ["text", "integer", "float", "flag", "time", "list"])
        #expect(table.entries.map(\.position) == (1...6).map { TOMLPosition($0, 1) })
        #expect(table["text"]?.value == TOMLValue(.string("é\0"), at: TOMLPosition(1, 8)))
        #expect(table["integer"]?.value == TOMLValue(.integer("1000"), at: TOMLPosition(2, 11)))
        #expect(table["float"]?.value == TOMLValue(.float("-0.10"), at: TOMLPosition(3, 9)))
        #expect(table["flag"]?.value == TOMLValue(.boolean(false), at: TOMLPosition(4, 8)))
        #expect(table["time"]?.value == TOMLValue(.time("1979-05-27 07:32:00"), at: TOMLPosition(5, 8)))
        let items = [TOMLValue(.float("1.0"), at: TOMLPosition(6, 10)), TOMLValue(.float("2e3"), at: TOMLPosition(7, 2))]
        #expect(table["list"]?.value == TOMLValue(.array(items), at: TOMLPosition(6, 8)))
    }

    @Test func keepsTheOrderAndPlaceOfTables() throws {
        let table = try parse("[z.b]\n\tkey.\"ä b\".c = 'x' # ³\n[[m]]\n[[m]]\na = 1.5\n[a]\n")
        #expect(table.entries.map(\.key) == ["z", "m", "a"])
        guard case .table(let z)? = table["z"]?.value.content, case .table(let b)? = z["b"]?.value.content,
            case .table(let key)? = b["key"]?.value.content, case .table(let quoted)? = key["ä b"]?.value.content,
            case .array(let m)? = table["m"]?.value.content
        else {
            Issue.record("the tables are not there")
            return
        }
        #expect(key["ä b"]?.position == TOMLPosition(2, 6))
        #expect(quoted["c"]?.value == TOMLValue(.string("x"), at: TOMLPosition(2, 16)))
        #expect(m.map(\.position) == [TOMLPosition(3, 1), TOMLPosition(4, 1)])
    }

    @Test func endsOfLinesAndByteOrderMark() throws {
        let table = try parse("\u{FEFF}a = 0.1\r\nb = 2.50\r\n")
        #expect(table["a"]?.value == TOMLValue(.float("0.1"), at: TOMLPosition(1, 5)))
        #expect(table["b"]?.value == TOMLValue(.float("2.50"), at: TOMLPosition(2, 5)))
        #expect(try parse("").entries.isEmpty)
    }

    @Test func saysWhatIsNoTOML() {
        #expect(error("a = 1\na = 2") == "c.toml:2:5: Error while parsing key-value pair: cannot redefine existing integer 'a'")
        #expect(error([0x61, 0x3D, 0x22, 0xFF, 0x22])?.hasPrefix("c.toml:1:3: ") == true)
        #expect(error("a = \"b") != nil)
        #expect(error("a = [\n1,\n") != nil)
        #expect(error("a = \"\0\"") != nil)
        #expect(error("title = \"x\nport = 1")?.hasPrefix("c.toml:1:") == true)
    }

    /// toml++ 3.3 and 3.4 have undefined behaviour for non-ASCII letters outside of strings, and fail an assertion at `[=`.
    @Test func survivesWhatItsParserDoesNot() {
        let quotes = "Error while parsing value: could not determine value type; a string must be in quotes"
        #expect(error("# ³\nunit = m³") == "c.toml:2:8: \(quotes)")
        #expect(error("unit = kWh") == "c.toml:1:8: \(quotes)")
        #expect(error("grün = 1") == "c.toml:1:3: Error while parsing key-value pair: expected '=', saw 'ü'")
        #expect(error("a = 198\"é\" = 1")?.hasPrefix("c.toml:1:") == true)
        #expect(error("[=")?.hasPrefix("c.toml:1:2: ") == true)
        #expect(error("a = \"\\\"é\" # é\nb = 'é\\'\nc = \"\"\"é\n\"\"é\\\"\"\"\"\"\nd = '''é\n''é'''''\n\"é\" = 1 # é") == nil)
    }

    @Test func staysWithinItsLimits() {
        #expect(error("a = \"\(String(repeating: "x", count: 1018))\"") == nil)
        #expect(error("\na = \"\(String(repeating: "x", count: 1019))\"") == "c.toml:2:1: the line is longer than 1024 bytes")
        let dots = (1...500).map { _ in "a" }.joined(separator: ".")
        #expect(error("[\(dots)]") == "c.toml:1:1: tables are nested more than 32 deep")
        #expect(error("a = [\n" + String(repeating: "[\n", count: 1000)) != nil)
        #expect(error(String(repeating: "[\(dots)]\n", count: 1000)) != nil)
        #expect(error((0..<10000).map { "k\($0) = 1\n" }.joined()) == nil)
    }
}
