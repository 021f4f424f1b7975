/// The values of one meter, by quantity. With a dozen entries a linear search is faster than hashing, and the list is copied with every
/// snapshot.
package struct MeasuredValues: Sendable {
    package typealias Element = (key: Measurand, value: MeasuredValue)

    /// In the order in which the quantities were first read.
    private var entries: [Entry] = []

    private struct Entry: Sendable, Equatable {
        let measurand: Measurand
        var value: MeasuredValue
    }

    package init() {}

    package init(_ values: some Sequence<Element>) { merge(values) { $1 } }

    package subscript(_ measurand: Measurand) -> MeasuredValue? {
        get { place(of: measurand).map { entries[$0].value } }
        set {
            switch (place(of: measurand), newValue) {
            case (let place?, let value?): entries[place].value = value
            case (let place?, nil): entries.remove(at: place)
            case (nil, let value?): entries.append(Entry(measurand: measurand, value: value))
            case (nil, nil): break
            }
        }
    }

    package var isEmpty: Bool { entries.isEmpty }
    package var count: Int { entries.count }

    package mutating func merge(_ others: some Sequence<Element>, uniquingKeysWith choose: (MeasuredValue, MeasuredValue) -> MeasuredValue)
    {
        for (measurand, value) in others { self[measurand] = self[measurand].map { choose($0, value) } ?? value }
    }

    package func filter(_ isIncluded: (Element) -> Bool) -> MeasuredValues {
        var some = self
        some.entries.removeAll { !isIncluded(($0.measurand, $0.value)) }
        return some
    }

    private func place(of measurand: Measurand) -> Int? {
        for place in entries.indices where entries[place].measurand == measurand { return place }
        return nil
    }
}

extension MeasuredValues: Sequence {
    package func makeIterator() -> AnyIterator<Element> {
        var rest = entries.makeIterator()
        return AnyIterator { rest.next().map { ($0.measurand, $0.value) } }
    }
}

extension MeasuredValues: Equatable {
    package static func == (a: MeasuredValues, b: MeasuredValues) -> Bool {
        if a.entries == b.entries { return true }
        return a.count == b.count && a.entries.allSatisfy { b[$0.measurand] == $0.value }
    }
}

extension MeasuredValues: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (Measurand, MeasuredValue)...) {
        self.init(elements.lazy.map { (key: $0.0, value: $0.1) })
    }
}
