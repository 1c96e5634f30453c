import Glibc
import Logging
import PondCore
import PondSupervisor
import SystemPackage
import Testing

@Suite struct LineSplitterTests {
    private func texts(_ lines: [LineSplitter.Line]) -> [String] {
        lines.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    @Test func `lines come out whole wherever the chunks end`() {
        let bytes = Array("one\ntwo\n\nthree".utf8)
        for cut in 0...bytes.count {
            var splitter = LineSplitter(lineBytesMax: SupervisorLimits.lineBytesMax)
            let lines = splitter.append(bytes[..<cut]) + splitter.append(bytes[cut...])
            #expect(texts(lines) == ["one", "two", ""])
            #expect(splitter.finish() == LineSplitter.Line(bytes: Array("three".utf8), isWhole: true))
            #expect(splitter.finish() == nil)
        }
    }

    @Test func `a line at the bound is whole and one past it is cut into pieces`() {
        var splitter = LineSplitter(lineBytesMax: 4)
        #expect(splitter.append("1234\n".utf8) == [.init(bytes: Array("1234".utf8), isWhole: true)])
        let pieces = splitter.append("123456789\nab\n".utf8)
        #expect(texts(pieces) == ["1234", "5678", "9", "ab"])
        #expect(pieces.map(\.isWhole) == [false, false, false, true])
    }
}

@Suite(.timeLimit(.minutes(1))) struct LineForwarderTests {
    private let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    @Test func `lines arrive in order and the last ones before the end`() async throws {
        let pipe = try OutputReader()
        let forwarder = try LineForwarder(to: pipe.writeEnd, logger: quiet)
        for number in 0..<100 { forwarder.forward(Array("line \(number)".utf8)) }
        await forwarder.finish(clock: .system)
        let text = try await pipe.text { $0.hasSuffix("line 99\n") }
        #expect(text.split(separator: "\n").count == 100)
        forwarder.forward(Array("too late".utf8))
        await forwarder.finish(clock: .system)
        pipe.close()
    }

    @Test func `a reader that stalls stops nobody, and lines are dropped whole`() async throws {
        let pipe = try OutputReader()
        let forwarder = try LineForwarder(to: pipe.writeEnd, bytesMax: 10_000, logger: quiet)
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 999)
        // Full for once may only mean a busy machine; full with a full pipe behind it is a reader that stalls.
        while forwarder.forward(line) || pipe.pending < 32_768 {
            try Task.checkCancellation()
            await Task.yield()
        }
        let began = LocalInstant.now
        for _ in 0..<10_000 { forwarder.forward(line) }
        #expect(began.duration(to: .now) < .seconds(1))
        let clock = LocalClock(now: { .now }, sleep: { _ in })
        await forwarder.finish(clock: clock)
        let text = try await pipe.text { $0.utf8.count >= 32_768 }
        #expect(text.split(separator: "\n").dropLast().allSatisfy { $0.utf8.count == 999 })
        // Once there is room for the rest the thread ends; all in all it kept a pipe, a batch and a buffer.
        await forwarder.finish(clock: .system)
        #expect(text.utf8.count + pipe.pending <= 65_536 + 2 * 10_000)
        pipe.close()
    }

    @Test func `a reader that has gone away ends nothing`() async throws {
        let pipe = try OutputReader()
        try pipe.readEnd.close()
        let forwarder = try LineForwarder(to: pipe.writeEnd, logger: quiet)
        for _ in 0..<100 { forwarder.forward(Array("to nobody".utf8)) }
        await forwarder.finish(clock: .system)
        try pipe.writeEnd.close()
    }

    @Test func `a fleet whose output nobody reads is supervised as ever`() async throws {
        let script = "echo millpond:ready; while :; do echo \"$(printf '%2000s' x)\"; done"
        try await withFleet(FleetConfiguration(workers: 1, command: shell(script))) { bench in
            let first = try await bench.events.nextReady()
            while bench.output.pending < 32_768 {
                try Task.checkCancellation()
                await Task.yield()
            }
            kill(first, SIGKILL)
            #expect(try await bench.events.nextExit(of: first).status == .signaled(9))
            _ = try await bench.events.nextReady()
        }
    }
}
