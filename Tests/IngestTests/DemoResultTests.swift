import Testing
import ingest

@Suite struct DemoResultTests {
    private func result(_ change: (inout DemoResult) -> Void) -> DemoResult {
        var result = DemoResult()
        result.files = 10
        result.totals.files = [.text: 8, .binary: 2]
        result.totals.linked = 8
        change(&result)
        return result
    }

    @Test func `a run that left every row is good`() {
        #expect(result { _ in }.isGood)
    }

    @Test func `a file without a row is lost, a text without its links too`() {
        #expect(result { $0.totals.files[.binary] = 1 }.lost == 1)
        #expect(result { $0.totals.linked = 5 }.lost == 3)
        #expect(!result { $0.totals.linked = 5 }.isGood)
    }

    @Test func `a dead job accounts for what it did not do`() {
        let dead = result {
            $0.totals.linked = 6
            $0.dead = [(cause: "attempts_exhausted", jobs: 2)]
        }
        #expect(dead.lost == 0)
    }

    @Test func `one number that differs fails the check`() {
        let check = RowCheck(
            DocumentTotals(files: [.text: 2], bytes: 20, lines: 3, words: 4),
            IndependentCount(files: 2)
        )
        #expect(!check.isEqual)
        #expect(check.lines.filter { !$0.isEqual }.map(\.name) == ["text", "bytes of text", "lines", "words"])
        #expect(!result { $0.check = check }.isGood)
    }

    @Test func `the count's output is read by name`() {
        let count = IndependentCount(
            output: "files 12\ntext 8 3 4 20\nbinary 2 0 0 0\nnonsense\ncorrupt_gzip 2 0 0 0\n"
        )
        #expect(count.files == 12)
        #expect(count.totals.files == [.text: 8, .binary: 2, .corruptGzip: 2])
        #expect([count.totals.lines, count.totals.words, count.totals.bytes] == [3, 4, 20])
    }
}
