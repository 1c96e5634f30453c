import PondCore
import Testing

@testable import pond

/// A terminal that knows what the dashboard writes.
private struct Emulator {
    var cells: [String]
    let columns: Int
    private var position = 0
    private(set) var written = 0

    init(columns: Int, rows: Int) {
        self.columns = columns
        cells = [String](repeating: "?", count: columns * rows)
    }

    /// As terminals do: half of a wide letter is no letter.
    private mutating func breakWide(at place: Int) {
        guard place < cells.count, cells[place].isEmpty else { return }
        cells[place - 1] = " "
        cells[place] = " "
    }

    mutating func obey(_ text: String) {
        written = 0
        var rest = Array(text)[...]
        while let character = rest.popFirst() {
            guard character == "\u{1b}" else {
                // Wide letters of these tests are the CJK ones.
                let isWide = character.unicodeScalars.first.map { (0x4e00...0x9fff).contains($0.value) } ?? false
                breakWide(at: position)
                breakWide(at: position + (isWide ? 2 : 1))
                cells[position] = String(character)
                if isWide { cells[position + 1] = "" }
                position += isWide ? 2 : 1
                written += 1
                continue
            }
            _ = rest.popFirst()
            let words = rest.prefix { !$0.isLetter }
            rest = rest.dropFirst(words.count)
            let final = rest.popFirst()
            let numbers = String(words).split(separator: ";").compactMap { Int($0) }
            if final == "H" { position = (numbers[0] - 1) * columns + numbers[1] - 1 }
            if final == "J" { cells = [String](repeating: " ", count: cells.count) }
        }
    }
}

@Suite struct DashDiffTests {
    @Test func `what is written makes the terminal show the picture`() {
        var state: UInt64 = 42
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var diff = DashDiff(isColored: true)
        var emulator = Emulator(columns: 30, rows: 6)
        let words = ["ready", "日本", "▁▂█", "", "x", "é", "  ", "語1"]
        for _ in 0..<500 {
            var canvas = DashCanvas(columns: 30, rows: 6)
            for _ in 0..<next(12) {
                canvas.put(words[next(words.count)], next(6), next(30), next(2) == 0 ? .red : .bold)
            }
            emulator.obey(diff.update(to: canvas))
            #expect(emulator.cells == canvas.cells.map(\.text))
        }
    }

    @Test func `only what changed is written`() {
        var diff = DashDiff(isColored: false)
        var emulator = Emulator(columns: 80, rows: 24)
        var model = DashFixture.model()
        emulator.obey(diff.update(to: DashFixture.draw(model, 80, 24)))
        #expect(emulator.written > 500)
        #expect(diff.update(to: DashFixture.draw(model, 80, 24)).isEmpty)
        model.type("s")
        emulator.obey(diff.update(to: DashFixture.draw(model, 80, 24)))
        #expect((1...200).contains(emulator.written))
        diff.forget()
        #expect(diff.update(to: DashFixture.draw(model, 80, 24)).contains("\u{1b}[2J"))
    }

    @Test func `without colours there are none, and the cursor is still seen`() {
        var diff = DashDiff(isColored: false)
        let text = diff.update(to: DashFixture.draw(DashFixture.model(), 80, 24))
        for color in 31...36 { #expect(!text.contains(";\(color)m") && !text.contains("[\(color)m")) }
        #expect(text.contains(";7m"))
    }

    @Test func `another size is drawn anew`() {
        var diff = DashDiff(isColored: true)
        _ = diff.update(to: DashFixture.draw(DashFixture.model(), 80, 24))
        #expect(diff.update(to: DashFixture.draw(DashFixture.model(), 90, 30)).contains("\u{1b}[2J"))
    }
}
