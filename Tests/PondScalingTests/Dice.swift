/// Random numbers that are the same for the same seed.
struct Dice {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// In 0..<limit.
    mutating func below(_ limit: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) >> 33) % max(1, limit)
    }

    /// True once in so many times.
    mutating func once(in times: Int) -> Bool { below(times) == 0 }
}
