import Glibc
import Testing

/// The project's rules that no compiler checks.
@Suite struct TidyTests {
    @Test func theSourcesKeepTheRules() throws {
        let repository = try #require(#filePath.dropping(suffix: "/Tests/Tidy/TidyTests.swift"))
        let sources = SourceFile.all(in: "Sources", of: repository)
        try #require(sources.count >= 10, "the sources were not found below \(repository)")
        for violation in (sources + SourceFile.all(in: "Tests", of: repository)).flatMap(\.violations) {
            Issue.record("\(violation)")
        }
    }

    @Test func thePagesLinkToWhatIsThere() throws {
        let repository = try #require(#filePath.dropping(suffix: "/Tests/Tidy/TidyTests.swift"))
        let rooms = SourceFile.names(in: "\(repository)/Sources").map { "Sources/\($0)/" }
        let paths = (["", "docs/", "Tests/"] + rooms).flatMap { folder in
            SourceFile.names(in: "\(repository)/\(folder)").filter { $0.hasSuffix(".md") }.map { folder + $0 }
        }
        let pages = paths.map { Page(path: $0, text: SourceFile.text(of: "\(repository)/\($0)")) }
        try #require(pages.contains { $0.path == "pi-setup.md" && $0.links.count >= 10 }, "the pages were not found below \(repository)")
        for violation in pages.flatMap({ $0.broken(among: pages) { access("\(repository)/\($0)", F_OK) == 0 } }) {
            Issue.record("\(violation)")
        }
    }

    @Test func findsLinksThatLeadNowhere() {
        let text = """
            # A page: its name
            [good](b.svg) [good](https://example.org/x) [good](#a-page-its-name) ![bad](c.svg) [bad](#nothing)
            ```
            [code](d.svg)
            ```
            [good](../top.md) [good](../top.md#its-heading) [bad](../top.md#other) [bad](top.md)
            """
        let pages = [Page(path: "docs/a.md", text: text), Page(path: "top.md", text: "## Its heading")]
        let broken = pages[0].broken(among: pages) { ["docs/a.md", "docs/b.svg", "top.md"].contains($0) }
        #expect(broken.map(\.line) == [2, 2, 6, 6])
        #expect(
            broken.map(\.cure) == [
                "there is no docs/c.svg", "docs/a.md has no heading #nothing", "top.md has no heading #other", "there is no docs/top.md",
            ])
    }

    @Test(arguments: [
        ("import Foundation", "Foundation"),
        ("@preconcurrency import Foundation", "Foundation"),
        ("import struct Foundation.Date", "Foundation"),
        ("import Glibc", "operating system outside LinuxIO"),
        ("import CMosquitto", "operating system outside LinuxIO"),
        ("let a = try! read()", "try!"),
        ("let a = values.first!", "force unwrap"),
        ("let a = values[0]!.name", "force unwrap"),
        ("let a = read()!", "force unwrap"),
        ("let a = b as! Int", "force unwrap"),
        ("var a: Int!", "force unwrap"),
        (#"let a = "value: \(values.first!)""#, "force unwrap"),
        ("Task { await run() }", "unstructured task"),
        ("let task = Task<Void, Never> { await run() }", "unstructured task"),
        ("Task(priority: .high) { await run() }", "unstructured task"),
        ("Task.detached { await run() }", "unstructured task"),
        ("public struct A {}", "public"),
        ("// SAFETY: of something else\n\nfinal class A: @unchecked Sendable {}", "unexplained escape"),
        ("nonisolated(unsafe) var a = 1", "unexplained escape"),
        ("let a = Unmanaged.passRetained(b)", "unexplained escape"),
        ("// TODO: later", "unfinished"),
        ("/// FIXME", "unfinished"),
    ])
    func finds(_ bad: String, _ rule: String) {
        #expect(SourceFile(path: "Sources/Metering/Bad.swift", text: bad).violations.map(\.rule) == [rule])
    }

    @Test func findsWhatIsTooLong() {
        let body = { String(repeating: "    g()\n", count: $0) }
        finds(String(repeating: "let a = 1\n", count: 401), "long file")
        finds("    func f(\n        a: Int\n    ) {\n" + String(repeating: "        g()\n", count: 57) + "    }", "long function")
        finds("package init() {\n" + body(59) + "}", "long function")
        finds("private var a: Int {\n" + body(59) + "}", "long function")
        let longest = "func f() {\n" + body(58) + "}\nfunc g()\nfunc h() {}\n"
        #expect(SourceFile(path: "Sources/Metering/Long.swift", text: longest).violations.isEmpty)
    }

    @Test func letsGoodCodePass() {
        let good = #"""
            import Metering
            // try! and import Foundation, Task { and public are only words here.
            let text = "try! a! \(b != c && !d) Task { public " + #"import Foundation \(e!)"# + ""
            let long = """
                Task { await run()! }
                """
            if !isEmpty, a != b { group.addTask { await run() } }
            if Task.isCancelled { return }
            withTaskGroup(of: Void.self) { $0.cancelAll() }
            // SAFETY: the reference is taken back
            // exactly once.
            let me = Unmanaged.passRetained(self)
            """#
        #expect(SourceFile(path: "Sources/Metering/Good.swift", text: good).violations.map(\.description) == [])
    }

    @Test func sparesTheirOwnRoom() {
        #expect(SourceFile(path: "Sources/LinuxIO/Terminal.swift", text: "import Glibc\nimport CLinux").violations.isEmpty)
        #expect(SourceFile(path: "Sources/jouled/Main.swift", text: "Task { await run() }").violations.isEmpty)
        #expect(SourceFile(path: "Tests/Real/PTY.swift", text: "import Glibc\nlet a = b!").violations.isEmpty)
    }
}

extension String {
    fileprivate func dropping(suffix: String) -> String? {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : nil
    }
}
