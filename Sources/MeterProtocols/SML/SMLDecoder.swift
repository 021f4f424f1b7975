import Metering

/// SML by transport protocol version 1, as meters push it: `1b1b1b1b 01010101`, the messages, fill bytes, `1b1b1b1b 1a`, the number of
/// fill bytes, CRC. Four 1b within the messages are sent twice.
package struct SMLDecoder: PushDecoder {
    /// The longest known frame of a real meter has 684 bytes.
    package static let longestFrame = 16 * 1024

    private static let escape: UInt8 = 0x1B

    /// The received bytes that are still needed: within a frame, everything from its first 1b on.
    private var buffer: [UInt8] = []
    private var isInFrame = false
    /// Where the frame begins in `buffer`.
    private var begin = 0
    /// Everything in `buffer` before this index has been scanned.
    private var position = 0
    /// The places of four 1b that were sent twice.
    private var escaped: [Int] = []
    /// The first and last start sequences that were taken for escaped bytes: if the frame fails, they are real starts.
    private var hiddenStarts: (first: Int, last: Int)?
    private(set) var secondLooks = SecondLooks()
    /// Whether the bytes may be messages without a frame, from the first byte on, as in a recording from which the frame was removed. `nil`
    /// before the first byte.
    private var mayBeBare: Bool?
    /// This meter's messages have a correct CRC of their own. So a message with a wrong CRC is corrupted, even if the frame's CRC matches.
    private var checksMessages = false
    private var found: [Finding] = []
    private var now = Instant(nanoseconds: 0)

    package init() {}

    package mutating func push(_ bytes: [UInt8], at now: Instant) -> [Finding] {
        self.now = now
        secondLooks.earn(by: bytes.count)
        if mayBeBare == nil, let first = bytes.first { mayBeBare = first == 0x76 }
        buffer += bytes
        while isInFrame ? scanFrame() : findStart() {}
        forget()
        defer { found = [] }
        return found
    }

    package mutating func finish() -> [Finding] {
        if isInFrame { found.append(.noise(.cutOff)) }
        if mayBeBare == true, !isInFrame { deliver(buffer, from: 0, to: buffer.count, isFramed: false) }
        defer { self = SMLDecoder() }
        return found
    }

    /// Drops the bytes that will not be scanned again.
    private mutating func forget() {
        if mayBeBare == true {
            guard buffer.count > Self.longestFrame else { return }
            mayBeBare = false
        }
        let unneeded = isInFrame ? begin : position
        guard unneeded > 0 else { return }
        buffer.removeFirst(unneeded)
        begin = 0
        position -= unneeded
        for index in escaped.indices { escaped[index] -= unneeded }
        hiddenStarts = hiddenStarts.map { ($0.first - unneeded, $0.last - unneeded) }
    }

    private mutating func findStart() -> Bool {
        guard let run = nextRun() else { return false }
        guard follows(run + 4, 0x01) else {
            position = run + 1
            return true
        }
        mayBeBare = false
        start(at: run)
        return true
    }

    private mutating func start(at index: Int) {
        isInFrame = true
        begin = index
        position = index + 8
        escaped.removeAll(keepingCapacity: true)
        hiddenStarts = nil
    }

    /// Scans a part of the frame; returns `true` if there is more to scan.
    private mutating func scanFrame() -> Bool {
        let run = nextRun()
        guard (run ?? position) - begin <= Self.longestFrame else {
            fail(.tooLong, resumingAt: position)
            return true
        }
        guard let run else { return false }
        if follows(run + 4, Self.escape) { return passEscaped(run) }
        if follows(run + 4, 0x01) {
            found.append(.noise(.cutOff))
            start(at: run)
        } else if buffer[run + 4] == 0x1A {
            finishFrame(run)
        } else {
            // The messages end with 1b, so the end sequence begins one byte later.
            position = run + 1
        }
        return true
    }

    private mutating func passEscaped(_ run: Int) -> Bool {
        // Wait for 16 bytes. They will come, because at least the end of the frame follows.
        guard run + 16 <= buffer.count else { return false }
        escaped.append(run)
        position = run + 8
        // The frame may have been cut off right after four 1b, and a new start may follow.
        if let other = buffer[position..<(position + 4)].firstIndex(where: { $0 != Self.escape }), follows(other, 0x01) {
            hiddenStarts = (hiddenStarts?.first ?? other - 4, other - 4)
        }
        return true
    }

    private mutating func finishFrame(_ end: Int) {
        let checked = buffer[begin..<(end + 6)]
        let (first, second) = (UInt16(buffer[end + 6]), UInt16(buffer[end + 7]))
        let fill = Int(buffer[end + 5])
        guard CRC16.x25(checked) == second << 8 | first || CRC16.kermit(checked) == first << 8 | second, fill <= end - begin - 8 else {
            // Continue right after the `1a`: a new start may begin there, in place of the CRC.
            return fail(.wrongCheck, resumingAt: end + 5)
        }
        isInFrame = false
        position = end + 8
        if escaped.isEmpty {
            deliver(buffer, from: begin + 8, to: end - fill, isFramed: true)
        } else {
            var payload: [UInt8] = []
            var from = begin + 8
            for run in escaped {
                payload += buffer[from..<(run + 4)]
                from = run + 8
            }
            payload += buffer[from..<end]
            deliver(payload, from: 0, to: max(0, payload.count - fill), isFramed: true)
        }
    }

    private mutating func fail(_ noise: Finding.Noise, resumingAt index: Int) {
        found.append(.noise(noise))
        isInFrame = false
        position = index
        guard let hiddenStarts else { return }
        // Scan again from the first hidden start. If the frame was too long or the budget for rescans is used up, that would cost too much:
        // then continue from the last hidden start instead.
        let isCheap = noise != .tooLong && secondLooks.take(index - hiddenStarts.first)
        start(at: isCheap ? hiddenStarts.first : hiddenStarts.last)
    }

    /// Finds the next four 1b that are followed by at least four more bytes. If there are none, `position` moves to where they could begin.
    private mutating func nextRun() -> Int? {
        var index = position
        let last = buffer.count - 8
        while index <= last {
            if buffer[index + 3] != Self.escape {
                index += 4
            } else if buffer[index + 2] != Self.escape {
                index += 3
            } else if buffer[index + 1] != Self.escape {
                index += 2
            } else if buffer[index] != Self.escape {
                index += 1
            } else {
                position = index
                return index
            }
        }
        position = index
        return nil
    }

    private func follows(_ index: Int, _ byte: UInt8) -> Bool {
        index + 4 <= buffer.count && buffer[index] == byte && buffer[index + 1] == byte && buffer[index + 2] == byte
            && buffer[index + 3] == byte
    }

    /// Delivers all lists of one frame as one readout.
    private mutating func deliver(_ bytes: [UInt8], from: Int, to end: Int, isFramed: Bool) {
        var reader = SMLReader(bytes, from: from, to: end)
        var readout = SMLReadout()
        var problem: Finding.Noise?
        var isSML = isFramed
        while true {
            reader.skipZeros()
            guard !reader.isAtEnd else { break }
            guard let message = SMLMessage(&reader) else {
                problem = isFramed ? .malformed : .cutOff
                break
            }
            isSML = true
            guard message.isUndamaged || isFramed && !checksMessages else {
                problem = .wrongCheck
                continue
            }
            if let list = message.list {
                if message.isUndamaged { checksMessages = true }
                readout.add(list, bytes)
            }
        }
        if !readout.registers.isEmpty { found.append(.readout(readout.at(now))) }
        if problem == nil, readout.registers.isEmpty { problem = .withoutRegisters }
        if let problem, isSML { found.append(.noise(problem)) }
    }
}
