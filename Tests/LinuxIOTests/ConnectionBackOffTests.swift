import Metering
import Testing

@testable import LinuxIO

@Suite struct ConnectionBackOffTests {
    private func pauses(_ durations: [Duration?], wasTakenOver: Bool = false) -> [Int32] {
        var backOff = ConnectionBackOff()
        return durations.map { backOff.pause(after: $0, wasTakenOver: wasTakenOver) }
    }

    @Test func growsWhileThereIsNoConnection() {
        #expect(pauses(Array(repeating: nil, count: 7)) == [1, 2, 4, 8, 16, 30, 30])
    }

    /// Two clients with the same ID: each disconnects the other as soon as it connects.
    @Test func aShortConnectionProvesNothing() {
        let short: [Duration?] = Array(repeating: .milliseconds(900), count: 11)
        #expect(pauses(short) == [1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30])
        #expect(pauses(short, wasTakenOver: true) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
    }

    @Test func aLongOneDoes() {
        #expect(pauses([nil, nil, nil, .seconds(59), .seconds(60), .seconds(1)]) == [1, 2, 4, 8, 1, 2])
    }

    @Test func shortConnectionsAreCounted() {
        var backOff = ConnectionBackOff()
        let durations: [Duration?] = [nil, .seconds(1), nil, .seconds(59), .seconds(60), .seconds(1)]
        let counts = durations.map { duration in
            _ = backOff.pause(after: duration, wasTakenOver: false)
            return backOff.shortConnections
        }
        #expect(counts == [0, 1, 1, 2, 0, 1])
    }
}
