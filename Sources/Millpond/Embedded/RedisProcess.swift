import Glibc
import Logging
import PondCore
import PondRedis
import Subprocess
import SystemPackage

/// One life of the server of an embedded Redis, under its guardian.
struct RedisProcess: Sendable {
    /// How a life ended.
    struct End: Sendable {
        let status: TerminationStatus
        let hasAnswered: Bool
        /// What the server said during this life, to its log and otherwise; the end of it.
        let words: String
    }

    private let server: EmbeddedRedis
    private let program: RedisProgram
    private let home: RedisHome
    private let logger: Logger
    private let clock: LocalClock

    /// How long the guardian may take to end the server, before both are killed: its own patience and some more.
    private static let endPatience = Duration.seconds(15)
    private static let wordsBytesMax = 4_096

    /// The shell whose arguments are the server and its own.
    ///
    /// Descriptor 3 is the lifeline; the subshell waits for its end. The guardian returns when the server has ended,
    /// whoever ended it, and takes the rest of its group along. It keeps no hold of the output: a shell that says
    /// "Terminated" to a pipe that nobody reads any more would die of it before its last line.
    private static let guardian = """
        exec 3<&0 </dev/null
        "$@" 3<&- &
        server=$!
        (read -r line <&3; kill -TERM "$server"; sleep 10; kill -KILL "$server") >/dev/null 2>&1 &
        exec 3<&- >/dev/null 2>&1
        wait "$server"
        status=$?
        trap '' TERM
        kill -TERM 0
        exit "$status"
        """

    init(_ server: EmbeddedRedis, _ program: RedisProgram, _ home: RedisHome, _ logger: Logger, _ clock: LocalClock) {
        self.server = server
        self.program = program
        self.home = home
        self.logger = logger
        self.clock = clock
    }

    /// Starts the server and returns when it has ended.
    ///
    /// Cancelling the task ends it, in order.
    /// - Parameter onReady: called when it answers.
    func run(_ onReady: @escaping @Sendable () -> Void) async throws -> End {
        let logBytes = logSize
        let result = try await Subprocess.run(
            configuration,
            input: .inputWriter,
            output: .sequence,
            error: .combinedWithOutput
        ) { execution in
            // Returning closes the lifeline.
            await watch(execution.standardOutput, onReady)
        }
        let words = result.closureResult.words + logTail(from: logBytes)
        return End(
            status: result.terminationStatus,
            hasAnswered: result.closureResult.hasAnswered,
            words: String(decoding: words.suffix(Self.wordsBytesMax), as: UTF8.self)
        )
    }

    private enum Part {
        case answered(Bool)
        case ended([UInt8])
    }

    /// Returns when the output has ended, which is when the server has, or when cancelled.
    private func watch(
        _ output: SubprocessOutputSequence,
        _ onReady: @escaping @Sendable () -> Void
    ) async -> (words: [UInt8], hasAnswered: Bool) {
        await withTaskGroup(of: Part.self) { group in
            group.addTask { .ended(await readAll(output)) }
            group.addTask {
                await waitUntilAnswering()
                guard !Task.isCancelled else { return .answered(false) }
                onReady()
                return .answered(true)
            }
            var words: [UInt8] = []
            var hasAnswered = false
            for await part in group {
                switch part {
                case .answered(let answered):
                    hasAnswered = answered
                case .ended(let last):
                    words = last
                    group.cancelAll()
                }
            }
            return (words, hasAnswered)
        }
    }

    private var configuration: Configuration {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            // Signal 0 does nothing: closing the lifeline is what ends the server. The kill that follows the last
            // step goes where the last step went: to the whole group.
            .send(signal: Signal(rawValue: 0), toProcessGroup: true, allowedDurationToNextStep: Self.endPatience)
        ]
        return Configuration(
            executable: .path("/bin/sh"),
            arguments: Arguments(["-c", Self.guardian, "millpond-redis", program.name] + arguments),
            workingDirectory: FilePath(home.directory),
            platformOptions: options
        )
    }

    private var arguments: [String] {
        var arguments = [
            "--port", "\(server.port)", "--bind", "127.0.0.1", "--protected-mode", "yes",
            "--dir", home.directory, "--logfile", home.logFile, "--daemonize", "no",
            "--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction",
        ]
        if let path = server.socketPath { arguments += ["--unixsocket", path, "--unixsocketperm", "700"] }
        return arguments
    }

    private func readAll(_ output: SubprocessOutputSequence) async -> [UInt8] {
        var words: [UInt8] = []
        do {
            for try await buffer in output {
                buffer.withUnsafeBytes { words += $0 }
                words = words.suffix(Self.wordsBytesMax)
            }
        } catch {
            // Cancelled, as at every end.
            return words
        }
        return words
    }

    /// Returns when the server answers from this directory, or when the task is cancelled.
    private func waitUntilAnswering() async {
        var configuration: RedisConfiguration
        do {
            configuration = try RedisConfiguration(url: server.url)
        } catch {
            preconditionFailure("the embedded server's own URL \(server.url) is wrong: \(error)")
        }
        configuration.commandTimeout = .seconds(1)
        configuration.reconnect = Backoff(base: .milliseconds(5), cap: .milliseconds(100), jitter: 0.2)
        let client = RedisClient(configuration, clock: clock, logger: .quiet)
        var hasSaidLoading = false
        while !Task.isCancelled {
            switch await home.look(client) {
            case .served:
                return await client.close()
            case .loading:
                if !hasSaidLoading { logger.notice("redis-server loads its data") }
                hasSaidLoading = true
            case .absent:
                break
            }
            do { try await clock.sleep(.milliseconds(10)) } catch { break }
        }
        await client.close()
    }

    private var logSize: Int {
        var status = stat()
        return stat(home.logFile, &status) == 0 ? Int(status.st_size) : 0
    }

    /// What was added to the log since it had that size.
    private func logTail(from size: Int) -> [UInt8] {
        let descriptor = open(home.logFile, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        let start = max(size, logSize - Self.wordsBytesMax)
        var buffer = [UInt8](repeating: 0, count: Self.wordsBytesMax)
        let count = pread(descriptor, &buffer, buffer.count, start)
        return Array(buffer.prefix(max(0, count)))
    }
}
