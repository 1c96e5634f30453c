import FoundationEssentials
import Glibc
import PondCore
import PondQueue
import PondTestKit
import Subprocess
import Testing

/// The dashboard on a real terminal.
@Suite(.serialized, .redis) struct DashTests {
    private static let enter = "\u{1b}[?1049h\u{1b}[?25l"
    private static let leave = "\u{1b}[?25h\u{1b}[?1049l"

    private func withTerminal(_ body: (DashTerminal.Ends) async throws -> Void) async throws {
        let ends = try DashTerminal.Ends()
        defer { ends.close() }
        try await body(ends)
    }

    private func place() async throws -> Place {
        let place = try Place()
        try await place.queue.register()
        return place
    }

    @Test func `keys, another size and q, and the terminal is as it was`() async throws {
        let place = try await place()
        try await withTerminal { ends in
            let before = ends.modes
            let ended = try await DashTerminal.run(["dash"] + place.options, on: ends) { terminal in
                try await terminal.shows(place.queue.name.text)
                #expect(terminal.text.contains(Self.enter) && ends.modes != before)
                terminal.press("?")
                try await terminal.shows("draw everything anew")
                terminal.press("\u{1b}[A")
                // What is pasted presses no key.
                terminal.press("\u{1b}[200~q\u{1b}[201~")
                terminal.press("\r")
                try await terminal.shows("arriving/s")
                terminal.forget()
                ends.resize(120, 40)
                try await terminal.shows("\u{1b}[40;2H")
                terminal.press("\u{1b}")
                try await terminal.shows("READY")
                terminal.press("py")
                try await terminal.shows("is paused")
                #expect(try await place.queue.depth().isPaused)
                terminal.press("q")
            }
            #expect(ended.status == .exited(0))
            #expect(ended.written.hasSuffix(Self.leave))
            #expect(ends.modes == before)
        }
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func `a signal ends it and restores the terminal`(signal: Int32) async throws {
        let place = try await place()
        try await withTerminal { ends in
            let before = ends.modes
            let ended = try await DashTerminal.run(["dash"] + place.options, on: ends) { terminal in
                try await terminal.shows(place.queue.name.text)
                kill(terminal.pid, signal)
            }
            #expect(ended.status == .exited(130))
            #expect(ended.written.hasSuffix(Self.leave))
            #expect(ends.modes == before)
        }
    }

    @Test func `a crash restores the terminal before it ends the process`() async throws {
        let place = try await place()
        try await withTerminal { ends in
            let before = ends.modes
            let ended = try await DashTerminal.run(["dash"] + place.options, on: ends) { terminal in
                try await terminal.shows(place.queue.name.text)
                kill(terminal.pid, SIGSEGV)
            }
            #expect(ended.status == .signaled(SIGSEGV))
            #expect(ended.written.contains(Self.leave))
            #expect(ends.modes == before)
        }
    }

    @Test func `Ctrl-C ends it, and a wrong server is told before the screen changes`() async throws {
        let place = try await place()
        try await withTerminal { ends in
            let ended = try await DashTerminal.run(["dash"] + place.options, on: ends) { terminal in
                try await terminal.shows(place.queue.name.text)
                terminal.press("\u{3}")
            }
            #expect(ended.status == .exited(130) && ended.written.hasSuffix(Self.leave))
            let away = try await DashTerminal.run(["dash", "--redis", "unix:///tmp/no-such.sock"], on: ends) { _ in }
            #expect(away.status == .exited(6) && !away.written.contains(Self.enter))
        }
    }

    @Test func `an outage is shown with its picture, and its end`() async throws {
        try await RedisServer.withServer(RedisServer.Options(appendOnly: true)) { server in
            let place = try Place(server)
            try await place.queue.register()
            try await withTerminal { ends in
                let ended = try await DashTerminal.run(["dash"] + place.options, on: ends) { terminal in
                    try await terminal.shows("All well")
                    server.kill()
                    try await terminal.shows("Redis is away")
                    terminal.forget()
                    try await server.start()
                    try await terminal.shows("All well")
                    terminal.press("q")
                }
                #expect(ended.status == .exited(0))
            }
        }
    }

    @Test func `a demo of waves loses no job, stops no busy worker and leaves nothing behind`() async throws {
        try await withDirectory { directory in
            let mark = "POND_DEMO=\(directory)"
            let ended = try await Child.run(
                ["waves", "--seconds", "20", "--json"],
                environment: ["TMPDIR": directory, "POND_DEMO": directory]
            ) { try await $0.exit(within: .seconds(90)) }
            #expect(ended.code == 0, "\(ended.error.suffix(5).joined(separator: "\n"))")
            let result = try JSONDecoder().decode(Waves.self, from: Data(ended.output.joined().utf8))
            #expect(result.jobs > 300 && result.done == result.jobs && result.busy_workers_stopped == 0)
            #expect(result.workers_min >= 1 && result.workers_max <= result.workers_allowed)
            #expect(result.worker_seconds < result.worker_seconds_fixed)
            #expect(Double(result.waits_seen) > 0.95 * Double(result.jobs))
            #expect(Processes.of(mark, in: directory).isEmpty)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
        }
    }

    /// As programs read it.
    private struct Waves: Decodable {
        var jobs, done, waits_seen, workers_min, workers_max, workers_allowed, busy_workers_stopped: Int
        var worker_seconds, worker_seconds_fixed: Double
    }
}
