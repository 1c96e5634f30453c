import Glibc
import PondCore
import PondSupervisor

/// The pipe whose end tells a worker that its supervisor is gone: standard input, when the environment says so.
///
/// A line on it may ask the worker to retire.
///
/// A thread of its own waits for it: a Dispatch source crashed the process now and then when the pipe hung up.
enum Lifeline {
    /// Watches the lifeline for as long as the process lives; does nothing when nobody holds one.
    ///
    /// - Parameters:
    ///   - onRetire: called from that thread when the supervisor needs this worker no longer; may be called again.
    ///   - onEnd: called once, from that thread, when the supervisor is gone.
    /// - Throws: `CommandFailure` when the system gives no thread, or when standard input is no lifeline any more.
    static func watch(
        onRetire: @escaping @Sendable () -> Void,
        onEnd: @escaping @Sendable () -> Void
    ) throws(CommandFailure) {
        guard Environment.value(WorkerEnvironment.lifeline) == "stdin" else { return }
        try requirePipe()
        #if PLANTED_BUGS
        if PlantedBug.active == .noLifeline { return }
        #endif
        try OwnThread.start("to watch the lifeline") {
            waitForEnd(onRetire: onRetire)
            onEnd()
        }
    }

    /// A start script that closes or redirects standard input takes the lifeline away: such a worker would outlive its
    /// supervisor, or take the end of `/dev/null` for it.
    private static func requirePipe() throws(CommandFailure) {
        var status = stat()
        if fstat(0, &status) == 0, [S_IFIFO, S_IFSOCK].contains(status.st_mode & S_IFMT) { return }
        throw CommandFailure(
            .usage,
            "standard input is not the supervisor's lifeline: what started this worker has closed or redirected it",
            hint: "start it in the foreground, without </dev/null and &; best with exec, as the last line of the script"
        )
    }

    /// Reads lines until the end; one that this version does not know is dropped.
    private static func waitForEnd(onRetire: () -> Void) {
        let retire = Array("\(WorkerEnvironment.retireLine)\n".utf8)
        var buffer = [UInt8](repeating: 0, count: 512)
        var line: [UInt8] = []
        while true {
            let count = read(0, &buffer, buffer.count)
            if count == 0 { return }
            for byte in buffer.prefix(max(0, count)) {
                line.append(byte)
                guard byte == UInt8(ascii: "\n") || line.count > buffer.count else { continue }
                if line == retire { onRetire() }
                line = []
            }
            if count > 0 || errno == EINTR { continue }
            guard errno == EAGAIN else { return }
            // Somebody who shares the descriptor made it non-blocking.
            var waiting = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
            _ = poll(&waiting, 1, -1)
        }
    }
}
