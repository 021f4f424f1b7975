import Metering
import Testing

@testable import MeterProtocols

@Suite struct LanguageTests {
    @Test func everyLanguageCanBeNamedAndListenedTo() {
        #expect(Language.all.map(\.name.rawValue) == ["iec62056", "d0-push", "sml", "p1"])
        for language in Language.all {
            #expect(Language.named(language.name).title == language.title)
            #expect(!language.speeds.isEmpty && language.speeds.allSatisfy { $0.patience > .zero }, "\(language.title)")
            #expect(!language.mayStart([]), "\(language.title)")
        }
        #expect(Set(Language.all.map(\.title)).count == Language.all.count)
    }

    @Test func onlyThoseThatAreAskedHaveASession() {
        #expect(Language.all.filter(\.isAsked).map(\.name) == [.iec62056])
        let plan = ReadingPlan(read: .readout, registers: [], every: .seconds(1))
        #expect(MeterProtocols.session(for: .iec62056, plan: plan) is ReadoutSession)
        #expect(MeterProtocols.session(for: .sml, plan: plan) is PushSession)
        #expect(MeterProtocols.session(for: nil, plan: plan) is AutoSession)
    }

    /// While the language is unknown, each telegram is read by one decoder.
    @Test func eachLanguageIsDetectedOnce() {
        #expect(Language.all.compactMap(\.detector).count == 3)
        #expect(Language.all.filter { $0.detector == nil }.map(\.name) == [.iec62056], "mode D's decoder reads it")
    }
}
