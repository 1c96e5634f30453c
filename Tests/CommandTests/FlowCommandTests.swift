import ArgumentParser
import FoundationEssentials
import Millpond
import PondFlow
import PondTestKit
import Testing

@testable import pond

/// `pond flow` on documents alone.
@Suite struct FlowCommandTests {
    private static let example = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "examples/flows/onboard.yaml").path

    private func with(_ text: String, _ body: (String) throws -> Void) throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "flow-\(UUID().uuidString).yaml")
        try Data(text.utf8).write(to: file)
        defer { _ = Result { try FileManager.default.removeItem(at: file) } }
        try body(file.path)
    }

    @Test func `the example is checked without a word, and can be drawn`() throws {
        let reading = FlowReading(try String(contentsOfFile: Self.example, encoding: .utf8))
        #expect(reading.issues.isEmpty, "\(reading.issues)")
        #expect(reading.flow?.drawnAsSVG?.contains("customer.onboard") == true)
        #expect(reading.flow?.drawnAsText.contains("mail.box for each of /input/team") == true)
    }

    @Test func `a document with errors is refused by file, line and column, with what shows the rest`() throws {
        try with("flow: f\nsteps:\n  a: { kind: k, afetr: b }\n  c: { kind: k, after: x }\n") { path in
            let failure = #expect(throws: CommandFailure.self) { try FlowFile.flow(of: path) }
            #expect(failure?.exitCode == .checkFailed)
            #expect(failure?.message.contains("\(path):3:") == true)
            #expect(
                failure?.message.contains("afetr") == true && failure?.message.hasSuffix("and 1 more error") == true
            )
            #expect(failure?.hint == "`pond flow check \(path)` shows all that is wrong")
        }
    }

    @Test func `a file that cannot be read or is too long is said so`() throws {
        let gone = #expect(throws: CommandFailure.self) { try FlowFile.flow(of: "/nowhere/at/all.yaml") }
        #expect(gone?.exitCode == .usage)
        try with(String(repeating: " ", count: Limits.flowBytesMax + 1)) { path in
            let long = #expect(throws: CommandFailure.self) { try FlowFile.flow(of: path) }
            #expect(long?.message.contains("longer than \(Limits.flowBytesMax) bytes") == true)
        }
    }

    @Test func `what excludes each other is told before anything is read`() throws {
        let options = try #require(
            try PondCommand.parseAsRoot(["flow", "start", "f.yaml", "--queue", "q"]) as? FlowStartCommand
        )
        #expect(options.document.file == "f.yaml")
        #expect(throws: (any Error).self) {
            try PondCommand.parseAsRoot(["flow", "start", "-", "--queue", "q", "--data", "-"])
        }
        #expect(throws: (any Error).self) {
            try PondCommand.parseAsRoot(["flow", "draw", "f.yaml", "--text", "--svg", "x.svg"])
        }
    }
}
