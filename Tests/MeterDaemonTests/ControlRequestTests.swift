import Testing

@testable import MeterDaemon

@Suite struct ControlRequestTests {
    @Test func problemRequests() {
        #expect(ControlRequest("problem") == .showProblems)
        #expect(ControlRequest("problem grid") == .showProblem("grid"))
        for line in ["problem grid now", "problems", ""] { #expect(ControlRequest(line) == nil, "\(line)") }
    }

    /// So that the command that asked can read all of it.
    @Test func aLongListOfProblemsIsCut() {
        let problems = (1...14).map { "m\($0): gone" }
        #expect(ControlRequest.answer(listing: []) == "ok everything works")
        #expect(ControlRequest.answer(listing: Array(problems.prefix(2))) == "error m1: gone; m2: gone")
        #expect(ControlRequest.answer(listing: Array(problems.prefix(12))).hasSuffix("; m12: gone"))
        #expect(ControlRequest.answer(listing: problems).hasSuffix("; m12: gone; and 2 more"))
    }
}
