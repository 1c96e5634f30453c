import Logging
import Millpond
import PondCore
import ServiceLifecycle
import Synchronization
import Testing

/// Services of an application beside its worker.
@Suite struct AppServicesTests {
    /// Writes down what happens, in order.
    private final class Diary: Sendable {
        private let lines = Mutex<[String]>([])
        var text: [String] { lines.withLock { $0 } }
        func note(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private struct Relay: Service {
        let diary: Diary
        let started: @Sendable () -> Void

        func run() async throws {
            diary.note("service begins")
            started()
            try await gracefulShutdown()
            diary.note("service ends")
        }
    }

    private struct Failing: Service {
        func run() async throws { throw CommandFailure(.failure, "no file") }
    }

    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    @Test func `a service runs until after the worker's last job`() async throws {
        let diary = Diary()
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let relay = Relay(diary: diary) { begin.finish() }
        try await AppServices.run([relay], logger, onFailure: { diary.note("failed") }) {
            for await _ in begun {}
            diary.note("worker ends")
        }
        #expect(diary.text == ["service begins", "worker ends", "service ends"])
    }

    @Test func `a service that fails lets the worker drain, and is the error`() async throws {
        let (drained, drain) = AsyncStream.makeStream(of: Void.self)
        let error = await #expect(throws: CommandFailure.self) {
            try await AppServices.run([Failing()], logger, onFailure: { drain.finish() }) {
                for await _ in drained {}
            }
        }
        #expect(error?.message == "no file")
    }

    @Test func `without services there is the worker alone`() async throws {
        let diary = Diary()
        try await AppServices.run([], logger, onFailure: {}) { diary.note("worker ends") }
        #expect(diary.text == ["worker ends"])
    }
}
