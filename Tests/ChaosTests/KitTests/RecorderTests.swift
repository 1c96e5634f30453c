import ChaosKit
import FoundationEssentials
import Glibc
import Testing

/// A folder that is gone after the test.
func withFolder<R>(_ body: (String) async throws -> R) async throws -> R {
    var template = Array("/tmp/chaos-kit-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { _ = Result { try FileManager.default.removeItem(atPath: path) } }
    return try await body(path)
}

@Suite struct RecorderTests {
    @Test func `events come back as they were noted, in order`() async throws {
        try await withFolder { folder in
            let recorder = try Recorder(in: folder, process: "w1")
            for number in 1...100 {
                recorder.note(.deliver) { ($0.job, $0.n, $0.text) = ("a", Int64(number), "line\n\"two\" é") }
            }
            var events: [Event] = []
            let torn = try HistoryReader.read(folder) { events.append($0) }
            #expect(torn == 0)
            #expect(events.map(\.seq) == Array(1...100))
            #expect(events.map(\.n) == (1...100).map { Int64($0) })
            #expect(events.allSatisfy { $0.process == "w1" && $0.text == "line\n\"two\" é" && $0.monotonic > 0 })
        }
    }

    @Test func `many tasks write whole lines`() async throws {
        try await withFolder { folder in
            let recorder = try Recorder(in: folder, process: "w1")
            await withTaskGroup(of: Void.self) { group in
                for task in 0..<8 {
                    group.addTask { for _ in 0..<200 { recorder.note(.end) { $0.job = "\(task)" } } }
                }
            }
            var seen: Set<Int> = []
            #expect(try HistoryReader.read(folder) { seen.insert($0.seq) } == 0)
            #expect(seen.count == 1_600)
        }
    }

    @Test func `a torn last line is passed by, a torn line in the middle is not`() async throws {
        let whole = #"{"seq":1,"mono_ns":1,"wall_ms":1,"proc":"w","kind":"end"}"# + "\n"
        var seen = 0
        #expect(try HistoryReader.read(Data((whole + #"{"seq":2,"mono_n"#).utf8), "f") { _ in seen += 1 } == 1)
        #expect(seen == 1)
        #expect(throws: ChaosError.self) {
            try HistoryReader.read(Data((#"{"seq":2,"mono_n"# + "\n" + whole).utf8), "f") { _ in }
        }
    }

    @Test func `the same seed gives the same numbers, and each part its own`() {
        var one = SeededGenerator(seed: 7)
        var two = SeededGenerator(seed: 7)
        #expect((0..<10).map { _ in one.next() } == (0..<10).map { _ in two.next() })
        var part = SeededGenerator(seed: 7, part: "faults")
        #expect(part.next() != one.next())
    }
}
