import Glibc

/// A thread for what waits in the kernel: on Swift's pool such a wait would hold one of its few threads.
package enum OwnThread {
    private final class Work: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }

    /// Starts a thread that ends with `body`; nobody waits for it.
    ///
    /// - Parameter purpose: what it is for, as in `to read the keyboard`.
    /// - Throws: `CommandFailure` when the system gives no thread.
    package static func start(_ purpose: String, _ body: @escaping @Sendable () -> Void) throws(CommandFailure) {
        var thread = pthread_t()
        let work = Unmanaged.passRetained(Work(body))
        let code = pthread_create(
            &thread,
            nil,
            { pointer in
                guard let pointer else { return nil }
                Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body()
                return nil
            },
            work.toOpaque()
        )
        guard code == 0 else {
            work.release()
            throw CommandFailure(
                .failure,
                "no thread \(purpose): \(String(cString: strerror(code)))",
                hint: "raise the limit of processes (ulimit -u, or the cgroup's)"
            )
        }
        pthread_detach(thread)
    }
}
