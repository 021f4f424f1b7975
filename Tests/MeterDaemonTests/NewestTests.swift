import MeterDaemon
import Testing

/// Delivers the newest value, each at most once, until the end.
@Suite struct NewestTests {
    @Test func whatIsOvertakenIsGone() async {
        let newest = Newest<Int>()
        var values = newest.makeAsyncIterator()
        newest.put(1)
        newest.put(2)
        #expect(await values.next() == 2)
        newest.put(3)
        newest.finish()
        #expect(await values.next() == 3, "what came before the end is still heard")
        #expect(await values.next() == nil)
        #expect(await values.next() == nil)
    }

    @Test func beginsWithWhatIsThere() async {
        let newest = Newest(7)
        var values = newest.makeAsyncIterator()
        #expect(await values.next() == 7)
        newest.finish()
        #expect(await values.next() == nil)
    }

    /// A waiting task is woken by each value, and by the end.
    @Test(.timeLimit(.minutes(5))) func wakesWhoWaits() async {
        let (newest, echo) = (Newest<Int>(), Newest<Int>())
        async let sum = {
            var sum = 0
            for await value in newest {
                sum += value
                echo.put(value)
            }
            return sum
        }()
        var echoes = echo.makeAsyncIterator()
        for value in 1...50 {
            newest.put(value)
            #expect(await echoes.next() == value)
        }
        newest.finish()
        #expect(await sum == 1275)
    }
}
