// Without it the compiler does not know that a source may be used from any thread.
@preconcurrency import Dispatch
import Glibc
import PondSupervisor

/// The pipe whose end tells a worker that its supervisor is gone: standard input, when the environment says so.
///
/// Read by a queue of its own: a read that waits on Swift's pool would hold one of its few threads for good.
final class Lifeline: Sendable {
    private let source: any DispatchSourceRead

    /// Nil when nobody holds a lifeline.
    ///
    /// - Parameter onEnd: called once, from the queue, when the supervisor is gone.
    init?(onEnd: @escaping @Sendable () -> Void) {
        guard Environment.value(WorkerEnvironment.lifeline) == "stdin" else { return nil }
        let source = DispatchSource.makeReadSource(
            fileDescriptor: 0,
            queue: DispatchQueue(label: "millpond.lifeline")
        )
        source.setEventHandler {
            guard Lifeline.hasEnded() else { return }
            source.cancel()
            onEnd()
        }
        self.source = source
        source.activate()
    }

    /// Stops watching.
    func end() {
        source.cancel()
    }

    /// Nobody writes to a lifeline; what somebody wrote is dropped.
    private static func hasEnded() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = read(0, &buffer, buffer.count)
        return count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)
    }
}
