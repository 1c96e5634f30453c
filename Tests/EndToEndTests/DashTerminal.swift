import Glibc
import PondCore
import Subprocess
import Synchronization
import SystemPackage

/// A pseudo-terminal with a program on it: what the program wrote, and keys to press.
final class DashTerminal: Sendable {
    private struct State {
        var written: [UInt8] = []
    }

    let pid: Int32
    private let ends: Ends
    private let state = Mutex(State())

    /// The two ends of a pseudo-terminal.
    struct Ends: Sendable {
        let master: Int32
        let device: Int32

        /// Opens one of 80×24.
        init() throws {
            var (master, device): (Int32, Int32) = (-1, -1)
            guard openpty(&master, &device, nil, nil, nil) == 0 else {
                throw TimedOut(description: "no pseudo-terminal: \(String(cString: strerror(errno)))")
            }
            for end in [master, device] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            _ = fcntl(master, F_SETFL, O_NONBLOCK)
            (self.master, self.device) = (master, device)
            resize(80, 24)
        }

        func resize(_ columns: Int, _ rows: Int) {
            var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
            _ = ioctl(master, UInt(TIOCSWINSZ), &size)
        }

        /// How the terminal treats keys and output, as words that can be compared.
        var modes: [UInt32] {
            var modes = termios()
            tcgetattr(device, &modes)
            return [modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag]
        }

        func close() {
            _ = Glibc.close(master)
            _ = Glibc.close(device)
        }
    }

    private init(pid: Int32, ends: Ends) {
        (self.pid, self.ends) = (pid, ends)
    }

    /// Runs `pond` on a terminal beside `body`; returns how it ended, with all that it wrote.
    static func run(
        _ arguments: [String],
        on ends: Ends,
        _ body: @escaping @Sendable (DashTerminal) async throws -> Void
    ) async throws -> (status: TerminationStatus, written: String) {
        var options = PlatformOptions()
        options.createSession = true
        let device = FileDescriptor(rawValue: ends.device)
        let configuration = Configuration(
            executable: .path(FilePath(Child.path("pond"))),
            arguments: Arguments(arguments),
            environment: .inherit.updating(["TERM": "xterm-256color", "NO_COLOR": nil, "SWIFT_BACKTRACE": "enable=no"]),
            platformOptions: options
        )
        let result = try await Subprocess.run(
            configuration,
            input: .fileDescriptor(device, closeAfterSpawningProcess: false),
            output: .fileDescriptor(device, closeAfterSpawningProcess: false),
            error: .fileDescriptor(device, closeAfterSpawningProcess: false)
        ) { execution in
            let terminal = DashTerminal(pid: execution.processIdentifier.value, ends: ends)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await terminal.listen() }
                defer {
                    if Processes.isAlive(terminal.pid) { kill(terminal.pid, SIGKILL) }
                    group.cancelAll()
                }
                try await body(terminal)
                try await eventually("the program ends", says: { terminal.text }) { !Processes.isAlive(terminal.pid) }
            }
            terminal.read()
            return terminal.text
        }
        return (result.terminationStatus, result.closureResult)
    }

    /// All that was written so far.
    var text: String { state.withLock { String(decoding: $0.written, as: UTF8.self) } }

    /// What was written since the last time this was asked is forgotten.
    func forget() {
        state.withLock { $0.written = [] }
    }

    func press(_ keys: String) {
        let bytes = Array(keys.utf8)
        _ = write(ends.master, bytes, bytes.count)
    }

    /// Waits until something was written.
    func shows(_ text: String) async throws {
        try await eventually("the terminal shows \(text)", says: { self.text }) { self.text.contains(text) }
    }

    private func listen() async throws {
        while !Task.isCancelled {
            read()
            // A terminal has no signal that a test could wait for without a thread of its own.
            do { try await LocalClock.system.sleep(.milliseconds(5)) } catch { return }
        }
    }

    private func read() {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = Glibc.read(ends.master, &buffer, buffer.count), count > 0 {
            let bytes = buffer.prefix(count)
            state.withLock { $0.written += bytes }
        }
    }
}
