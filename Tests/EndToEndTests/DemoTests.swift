import FoundationEssentials
import PondCore
import Testing

/// The demo on a small folder, as `scripts/demo` runs it.
@Suite(.serialized) struct DemoTests {
    private struct Report: Decodable {
        var files: Int
        var lost: Int
        var kills: Int
        var dead: [String: Int]
        var fingerprint: String
    }

    @Test func `killing workers changes no row`() async throws {
        try await withDirectory { directory in
            let input = directory + "/input"
            try FileManager.default.createDirectory(atPath: input, withIntermediateDirectories: true)
            for number in 0..<300 {
                let text = String(repeating: "line \(number) of https://example.com/\(number)\n", count: 1 + number * 7)
                try Data(text.utf8).write(to: URL(fileURLWithPath: "\(input)/file-\(number).txt"))
            }
            let plain = try await report(input, directory + "/plain", [])
            let chaos = try await report(input, directory + "/chaos", ["--chaos"])
            #expect(plain.files == 300 && plain.lost == 0 && plain.kills == 0 && plain.dead.isEmpty)
            #expect(chaos.files == 300 && chaos.lost == 0 && chaos.kills >= 3 && chaos.dead.isEmpty)
            #expect(plain.fingerprint == chaos.fingerprint)
        }
    }

    /// Runs the demo, whose own check against `find`, `zcat` and `wc` decides its exit code.
    private func report(_ input: String, _ data: String, _ options: [String]) async throws -> Report {
        let arguments = ["demo", "--json", "--input", input, "--directory", data] + options
        let ended = try await Child.run(arguments, of: "ingest") { try await $0.exit(within: .seconds(120)) }
        #expect(ended.code == 0, "\(ended.error.suffix(20).joined(separator: "\n"))")
        return try JSONDecoder().decode(Report.self, from: Data(ended.output.joined(separator: "\n").utf8))
    }
}
