import Metering

/// The first seconds at a meter of which nothing is known. Bytes that flow are listened to before anything is asked: many meters push every
/// second, and at a wrong speed their telegrams arrive as garbage, which shows that another speed has to be tried.
///
/// If the head is silent, the meter is asked once. After that a meter that pushes every 10 s must be heard whenever it sends, so the search
/// then stays at the speed of P1, at which a slower sender is noticed as well: each of its low levels arrives as a zero.
struct OpeningSearch {
    enum Step: Equatable {
        case listen(BaudRate, Duration)
        case ask
        /// Nothing was found: continue with the thorough search.
        case giveUp
    }

    /// How long to listen before the meter is asked: longer than the gap between two SML telegrams that are sent every second.
    static let glance = Duration.milliseconds(900)
    /// How long to listen at another speed after garbage, which a meter sends every second.
    static let secondGlance = Duration.milliseconds(1300)
    /// How long to wait for an answer: the break and the sign-on take 0.24 s, and a meter may begin to answer 1.5 s later. A meter that is left
    /// in the middle of a sign-on may refuse the next one for up to a minute.
    static let askingTime = Duration.milliseconds(2100)
    /// How long to listen after that.
    static let longLook = Duration.milliseconds(10_500)
    /// A telegram takes longer at 2400 Bd, which is tried only after garbage at both other speeds.
    private static let slowLook = Duration.seconds(6)
    /// How long to wait for the next telegram, after bytes that look like a part of one.
    private static let (nextText, nextSML) = (Duration.milliseconds(2500), Duration.seconds(5))
    /// So many bursts that look like a telegram, but contain none, are noise.
    private static let mostFailures = 3

    private let speeds: [BaudRate]
    private var speed: BaudRate
    /// When to give up `speed`, or waiting for an answer.
    private var ends: Instant
    private var burst: ByteBurst?
    private var (isAsking, hasAsked) = (false, false)
    /// The speed is the one at which the meter was read before, and is yet to be tried.
    private var isKnown: Bool
    /// The speeds at which garbage was received.
    private var misfits: Set<BaudRate> = []
    /// The speed at which parts of telegrams were received.
    private var likely: BaudRate?
    private var failures = 0
    private var strays = StrayBytes()
    /// A part of a session with a meter that has to be asked was received.
    private(set) var hasHeardAnswer = false

    /// `known`: the speed at which the meter was read before, and how long to listen there. `hasFixedSpeed`: the speed can't be changed.
    init(known: ListeningSpeed?, hasFixedSpeed: Bool, _ now: Instant) {
        speeds = hasFixedSpeed ? [.b9600] : [.b9600, .b115200, .b2400]
        let first = known ?? ListeningSpeed(.b9600, patience: Self.glance)
        speed = first.line.speed
        ends = now + first.patience
        isKnown = known != nil
        beginning = .listen(speed, first.patience)
    }

    let beginning: Step

    /// When `step` is due.
    var deadline: Instant { burst.map { min($0.end, ends) } ?? ends }

    /// To be called for bytes that completed no telegram.
    mutating func received(_ bytes: [UInt8], _ now: Instant) {
        guard !isAsking, !bytes.isEmpty else { return }
        if burst == nil { burst = ByteBurst(at: speed, now) }
        burst?.append(bytes, now)
    }

    /// To be called for the answer to somebody else's question: the meter has an open session, and has to be asked.
    mutating func receivedAnswer() { hasHeardAnswer = true }

    /// To be called while the meter is asked, for bytes that may be a telegram at 300 Bd. `count`: how many there have been, without the
    /// echo of the sign-on.
    mutating func receivedStray(_ count: Int, _ now: Instant) {
        strays.note(count, now)
    }

    /// What to do next; `nil`: nothing yet.
    mutating func step(_ now: Instant) -> Step? {
        guard now >= deadline else { return nil }
        if isAsking { return listenAfterAsking(now) }
        guard let burst else { return isKnown ? startAnew(now) : askOrGiveUp(now) }
        // The window may end within a telegram.
        guard now >= burst.end else {
            ends = burst.end
            return nil
        }
        self.burst = nil
        if hasHeardAnswer { return .giveUp }
        return burst.isTooShort ? nil : judge(burst, now)
    }

    private mutating func judge(_ burst: ByteBurst, _ now: Instant) -> Step? {
        if burst.looksLikeTelegram {
            failures += 1
            if failures < Self.mostFailures {
                likely = speed
                ends = max(ends, now + (burst.hasSMLEscape ? Self.nextSML : Self.nextText))
                return nil
            }
        }
        misfits.insert(speed)
        if likely == speed { likely = nil }
        isKnown = false
        guard let next = speeds.first(where: { !misfits.contains($0) }) else { return .giveUp }
        return listen(next, next == .b2400 ? Self.slowLook : hasAsked ? Self.longLook : Self.secondGlance, now)
    }

    /// Nothing was received at the speed at which the meter was read before.
    private mutating func startAnew(_ now: Instant) -> Step {
        isKnown = false
        return listen(.b9600, Self.glance, now)
    }

    private mutating func askOrGiveUp(_ now: Instant) -> Step {
        guard !hasAsked else { return .giveUp }
        (isAsking, hasAsked) = (true, true)
        ends = now + Self.askingTime
        strays = StrayBytes()
        return .ask
    }

    private mutating func listenAfterAsking(_ now: Instant) -> Step {
        isAsking = false
        let order: [BaudRate] = strays.areOfSlowSender ? [.b9600, .b115200] : [.b115200, .b9600]
        let next = likely ?? order.first { speeds.contains($0) && !misfits.contains($0) }
        return next.map { listen($0, Self.longLook, now) } ?? .giveUp
    }

    private mutating func listen(_ speed: BaudRate, _ duration: Duration, _ now: Instant) -> Step {
        self.speed = speed
        burst = nil
        failures = 0
        ends = now + duration
        return .listen(speed, duration)
    }
}

/// Bytes that were received without a pause, and what they look like.
struct ByteBurst {
    /// Longer than the latency of an adapter, shorter than the gap between two telegrams.
    private static let pause = Duration.milliseconds(100)
    /// The longest telegrams take less than a second at 9600 Bd; what goes on for longer is noise.
    private static let longest = Duration.milliseconds(1500)
    private static let longestAtLowSpeed = Duration.seconds(6)
    /// Fewer bytes are not a telegram at any speed, but light from elsewhere.
    private static let fewest = 8

    private let latestEnd: Instant
    private var last: Instant
    private var count = 0
    /// How many bytes are characters of a text, and how many would be if bit 7 is an even parity.
    private var (plain, even) = (0, 0)
    private var escapes = 0
    /// Four 1b in a row, which is how an SML telegram begins and ends.
    private(set) var hasSMLEscape = false

    init(at speed: BaudRate, _ now: Instant) {
        last = now
        latestEnd = now + (speed < .b9600 ? Self.longestAtLowSpeed : Self.longest)
    }

    mutating func append(_ bytes: [UInt8], _ now: Instant) {
        last = now
        count = min(count + bytes.count, 1 << 24)
        for byte in bytes {
            escapes = byte == 0x1B ? escapes + 1 : 0
            if escapes == 4 { hasSMLEscape = true }
            let character = byte & 0x7F
            let isText = (0x20...0x7E).contains(character) || character == ControlCharacter.cr || character == ControlCharacter.lf
            guard isText else { continue }
            if byte < 0x80 { plain = min(plain + 1, 1 << 24) }
            if byte.nonzeroBitCount % 2 == 0 { even = min(even + 1, 1 << 24) }
        }
    }

    /// When the burst is over, unless more bytes arrive.
    var end: Instant { min(last + Self.pause, latestEnd) }
    var isTooShort: Bool { count < Self.fewest }
    /// Garbage may contain as much text as anything else, but not nine tenths.
    var looksLikeTelegram: Bool { hasSMLEscape || max(plain, even) * 10 >= count * 9 }
}

/// How a telegram looks that arrives while the meter is asked at 300 Bd: one at 9600 Bd as five bytes of garbage or more, one at
/// 115,200 Bd as two.
private struct StrayBytes {
    /// Longer than bytes are gathered at 300 Bd, shorter than the gap between two telegrams.
    private static let pause = Duration.milliseconds(300)

    private var total = 0
    private var last: Instant?
    /// The bytes of the current telegram, and of the longest one.
    private var (count, most) = (0, 0)

    var areOfSlowSender: Bool { most >= 4 }

    mutating func note(_ total: Int, _ now: Instant) {
        defer { (self.total, last) = (total, now) }
        // The echo is complete and was removed: what was counted before were its first bytes.
        guard total >= self.total else { return (count, most) = (total, total) }
        if last.map({ now - $0 > Self.pause }) ?? true { count = 0 }
        count += total - self.total
        most = max(most, count)
    }
}
