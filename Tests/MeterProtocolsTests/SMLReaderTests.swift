import Testing

@testable import MeterProtocols

/// Single SML elements (BSI TR-03109-1, annex IV): a type and a length, then that many bytes or elements.
@Suite struct SMLReaderTests {
    private func reader(_ bytes: [UInt8], from: Int = 0, to end: Int? = nil) -> SMLReader {
        SMLReader(bytes, from: from, to: end ?? bytes.count)
    }

    private static let values: [([UInt8], SMLReader.Value?)] = [
        ([0x01], .missing), ([0x02, 0x41], .octets(1..<2)), ([0x03, 0x41], nil), ([0x03, 0x41, 0x42], .octets(1..<3)), ([0x00], nil),
        ([0x42, 0x00], .boolean(false)), ([0x42, 0x01], .boolean(true)), ([0x42, 0xFF], .boolean(true)),
        ([0x43, 0x01, 0x00], .unsigned(256)), ([0x62, 0x80], .unsigned(128)), ([0x63, 0x01, 0x02], .unsigned(258)), ([0x63, 0x01], nil),
        ([0x52, 0x7F], .signed(127, width: 1)), ([0x52, 0x80], .signed(-128, width: 1)), ([0x53, 0xFF, 0x00], .signed(-256, width: 2)),
        ([0x54, 0x00, 0x80, 0x00], .signed(32_768, width: 3)), ([0x61], nil), ([0x51], nil), ([0x41], nil), ([0x12, 0x00], nil),
        ([0x32, 0x00], nil), ([0x70], .list(0)), ([0x71], nil), ([0x71, 0x01], .list(1)), ([0x72, 0x01], nil),
        ([0x72, 0x01, 0x01], .list(2)),
        ([], nil),
    ]

    @Test(arguments: values) func next(_ bytes: [UInt8], _ expected: SMLReader.Value?) {
        var reader = reader(bytes)
        #expect(reader.next() == expected)
        // Bytes after the end are not read.
        var longer = self.reader(bytes + [0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01], to: bytes.count)
        #expect(longer.next() == expected)
    }

    /// Each byte of a header has four bits of the length and a flag for another byte; at most four bytes are accepted.
    private static let headers: [([UInt8], Int, Bool)] = [
        ([0x0F], 14, true), ([0x81, 0x00], 14, true), ([0x81, 0x01], 15, true), ([0x82, 0x03], 33, true), ([0x80, 0x81, 0x04], 17, true),
        ([0x80, 0x80, 0x81, 0x05], 17, true), ([0x80, 0x80, 0x80, 0x81, 0x06], 17, false),
    ]

    @Test(arguments: headers) func longHeaders(_ header: [UInt8], _ length: Int, _ isRead: Bool) {
        var whole = reader(header + [UInt8](repeating: 0x55, count: length))
        #expect(whole.next() == (isRead ? .octets(header.count..<(header.count + length)) : nil))
        guard isRead else { return }
        #expect(whole.isAtEnd)
        var short = reader(header + [UInt8](repeating: 0x55, count: length - 1))
        #expect(short.next() == nil)
        // The length of a list is the number of its elements, without the header.
        var listHeader = header
        listHeader[0] |= 0x70
        var list = reader(listHeader + [UInt8](repeating: 0x01, count: length + header.count))
        #expect(list.next() == .list(length + header.count))
        var cut = reader(Array(header.dropLast()) + (header.count > 1 ? [0x80] : []))
        #expect(cut.next() == nil)
    }

    @Test func skipsWholeElements() {
        let elements: [[UInt8]] = [
            [0x01], [0x02, 0x55], [0x70], [0x71, 0x01], [0x72, 0x71, 0x02, 0x55, 0x01], [0x71, 0x71, 0x71, 0x01], [0x72, 0x70, 0x70],
        ]
        for element in elements {
            var reader = reader(element)
            let isSkipped = reader.skip()
            #expect(isSkipped && reader.isAtEnd && reader.position == element.count, "\(element)")
            var short = self.reader(element + [0x01], to: element.count - 1)
            let isShortSkipped = short.skip()
            #expect(!isShortSkipped, "\(element)")
            var two = self.reader(element + [0x01] + element)
            let areSkipped = two.skip(2)
            #expect(areSkipped && two.position == element.count + 1)
            let areMoreSkipped = two.skip(2)
            #expect(!areMoreSkipped)
        }
        var none = reader([0x55])
        let isNoneSkipped = none.skip(0)
        #expect(isNoneSkipped && none.position == 0)
    }

    /// Optional numbers; the outer `nil` means that the element is not a number.
    @Test func optionalNumbers() {
        func unsigned(_ bytes: [UInt8]) -> UInt64?? {
            var reader = reader(bytes)
            return reader.optionalUnsigned()
        }
        func signed(_ bytes: [UInt8]) -> Int64?? {
            var reader = reader(bytes)
            return reader.optionalSigned()
        }
        #expect(unsigned([0x01]) == .some(nil) && signed([0x01]) == .some(nil))
        #expect(unsigned([0x62, 0xFF]) == 255 && unsigned([0x52, 0x00]) == 0 && unsigned([0x52, 0x01]) == 1)
        #expect(unsigned([0x52, 0xFF]) == UInt64??.none && unsigned([0x02, 0x41]) == UInt64??.none && unsigned([]) == UInt64??.none)
        #expect(signed([0x52, 0xFF]) == -1 && signed([0x62, 0x00]) == 0 && signed([0x62, 0x7F]) == 127)
        #expect(signed([0x62, 0x80]) == Int64??.none && signed([0x02, 0x41]) == Int64??.none && signed([0x71, 0x01]) == Int64??.none)
    }

    @Test func zerosAndTheEndOfAMessage() {
        var reader = reader([0x00, 0x00, 0x76, 0x00, 0x00], to: 4)
        reader.skipZeros()
        #expect(reader.position == 2)
        let isEndAtOther = reader.endOfMessage()
        #expect(!isEndAtOther && reader.position == 2)
        reader.skipZeros()
        #expect(reader.position == 2)
        reader = self.reader([0x00, 0x00, 0x00], to: 2)
        let isEnd = reader.endOfMessage()
        #expect(isEnd && reader.position == 1 && !reader.isAtEnd)
        reader.skipZeros()
        #expect(reader.position == 2 && reader.isAtEnd)
        let isEndAtEnd = reader.endOfMessage()
        #expect(!isEndAtEnd && reader.position == 2)
    }
}
