// Whole numbers as Redis and the wire format write them: digits alone, no space, no plus.

extension Int64 {
    /// The number that digits alone make; nil of anything else, and of one that is too large.
    package init?(digits: ArraySlice<UInt8>) {
        guard let negated = Int64(negating: digits), negated != .min else { return nil }
        self = -negated
    }

    /// The same with a minus sign perhaps, and 19 digits at most.
    package init?(decimal bytes: ArraySlice<UInt8>) {
        let isNegative = bytes.first == UInt8(ascii: "-")
        let digits = bytes.dropFirst(isNegative ? 1 : 0)
        guard digits.count <= 19 else { return nil }
        if isNegative { self.init(negating: digits) } else { self.init(digits: digits) }
    }

    /// Counted below zero, where Int64 reaches one further.
    private init?(negating digits: ArraySlice<UInt8>) {
        guard !digits.isEmpty else { return nil }
        var number: Int64 = 0
        for byte in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = tens.subtractingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            guard !isTooLarge, !overflows else { return nil }
            number = sum
        }
        self = number
    }
}
