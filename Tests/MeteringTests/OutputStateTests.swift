import Metering
import Testing

@Suite struct OutputStateTests {
    private func wall(_ seconds: Int64) -> WallTime { WallTime(millisecondsSince1970: seconds * 1000) }

    @Test func aStateLastsUntilTheProblemChanges() {
        var state = MeterState()
        #expect(state.snapshot.outputs.isEmpty && state.snapshot.problems.isEmpty)
        state.note(outputProblem: "not connected yet", of: "mqtt", wall: wall(1))
        state.note(outputProblem: "not connected yet", of: "mqtt", wall: wall(2))
        #expect(state.snapshot.outputs.map(\.name) == ["mqtt"] && state.snapshot.outputs.map(\.since) == [wall(1)])
        #expect(state.snapshot.problems == ["mqtt: not connected yet"])
        state.note(outputProblem: nil, of: "mqtt", wall: wall(3))
        state.note(outputProblem: "disk full", of: "influxdb", wall: wall(4))
        state.note(outputProblem: nil, of: "mqtt", wall: wall(5))
        #expect(state.snapshot.outputs.map(\.since) == [wall(3), wall(4)])
        #expect(state.snapshot.problems == ["influxdb: disk full"])
    }
}
