import Glibc
import PondRedis
import Testing

@Suite struct ReplyFuzzTests {
    /// A small, fast generator whose seed can be printed and given again.
    struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }

        mutating func below(_ bound: Int) -> Int { Int(truncatingIfNeeded: next() % UInt64(max(bound, 1))) }
    }

    static func number(_ name: String) -> UInt64? {
        getenv(name).flatMap { UInt64(String(cString: $0)) }
    }

    @Test func `a million mutated replies never crash the parser`() async {
        let rounds = Int(Self.number("MILLPOND_FUZZ_ROUNDS") ?? 1_000_000)
        let seed = Self.number("MILLPOND_FUZZ_SEED") ?? UInt64.random(in: .min ... .max)
        print("fuzz: \(rounds) rounds, MILLPOND_FUZZ_SEED=\(seed)")
        var random = Random(state: seed)
        let corpus = Corpus.replies.map(\.bytes).filter { $0.count <= 120 }
        var parser = ReplyParser(replyBytesMax: 1 << 16)
        var outcomes = (replies: 0, violations: 0)
        var bytes: [UInt8] = []
        for round in 0..<rounds {
            if round % 512 == 0 { await Task.yield() }
            bytes.removeAll(keepingCapacity: true)
            bytes += corpus[random.below(corpus.count)]
            mutate(&bytes, &random, corpus)
            let gaveUp = feed(bytes, to: parser, &random, &outcomes.replies)
            if gaveUp { outcomes.violations += 1 }
            // Some mutations make the parser wait for bytes that swallow the following rounds.
            if gaveUp || random.below(4) == 0 {
                parser = ReplyParser(replyBytesMax: 1 << 16)
            }
        }
        print("fuzz: \(outcomes.replies) replies, \(outcomes.violations) violations")
        #expect(outcomes.replies > rounds / 10)
        #expect(outcomes.violations > rounds / 10)
    }

    /// True when the parser gave up.
    func feed(_ bytes: [UInt8], to parser: ReplyParser, _ random: inout Random, _ replies: inout Int) -> Bool {
        let cut = random.below(bytes.count + 1)
        let parts = random.below(4) == 0 ? [0..<cut, cut..<bytes.count] : [0..<bytes.count]
        for part in parts {
            bytes.withUnsafeBytes { parser.feed(UnsafeRawBufferPointer(rebasing: $0[part])) }
            do {
                while try parser.next() != nil { replies += 1 }
            } catch {
                return true
            }
        }
        return false
    }

    func mutate(_ bytes: inout [UInt8], _ random: inout Random, _ corpus: [[UInt8]]) {
        for _ in 0...random.below(3) {
            let place = random.below(bytes.count)
            switch random.below(9) {
            case 0 where !bytes.isEmpty: bytes[place] ^= 1 << UInt8(random.below(8))
            case 1 where !bytes.isEmpty: bytes[place] = UInt8(truncatingIfNeeded: random.next())
            case 2: bytes.removeSubrange(min(place, bytes.count)...)
            case 3 where !bytes.isEmpty: bytes.remove(at: place)
            case 4: bytes.insert(contentsOf: Self.bombs[random.below(Self.bombs.count)], at: place)
            case 5: bytes.insert(contentsOf: Array("*1\r\n".utf8) + corpus[random.below(corpus.count)], at: 0)
            case 6: bytes += corpus[random.below(corpus.count)]
            case 7: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
            default: break
            }
        }
    }

    static let bombs: [[UInt8]] = [
        "$9999999999\r\n", "*1000000000\r\n", "*2147483647\r\n", "*2147483648\r\n", "$-1\r\n", "*-1\r\n", "$-2\r\n",
        "*0\r\n", "$0\r\n\r\n", "$9223372036854775807\r\n", "$9223372036854775805\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        "\r\n", "\r", "\n", ":", "$", "*", "-", "+", "\0", "%1\r\n", "_\r\n", ":-9223372036854775808\r\n", "*65536\r\n",
    ].map { Array($0.utf8) }
}
