import Glibc
import Synchronization

/// A worker's way to the ledger: one connection, requests pipelined, a thread that hears the answers.
package final class LedgerClient: Sendable {
    private struct State {
        var last = 0
        var waiting: [Int: CheckedContinuation<String, any Error>] = [:]
        var isGone = false
    }

    private let file: Int32
    private let process: String
    private let state = Mutex(State())

    /// - Parameter process: how the ledger names this worker.
    /// - Throws: `ChaosError`, when the ledger does not answer.
    package init(socket path: String, process: String) throws {
        self.process = process
        file = try Sockets.connect(unix: path)
        try Threads.start { [self] in listen() }
    }

    /// Makes an effect.
    ///
    /// - Returns: false when the ledger knows a higher fence of the job: then the effect did not happen.
    package func record(job: String, fence: Int64, step: String = "effect") async throws -> Bool {
        try await ask("\(job) \(fence) \(step)") == "ok"
    }

    /// Asks the provider of the sagas for something; its answer is `ok`, `busy`, `no` or `void`.
    package func pay(_ request: PaymentRequest) async throws -> String {
        try await ask(request.words.joined(separator: " "))
    }

    private func ask(_ text: String) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            state.withLock { state in
                guard !state.isGone else {
                    return continuation.resume(throwing: ChaosError("the ledger is gone"))
                }
                state.last += 1
                state.waiting[state.last] = continuation
                // Under the lock, so that two lines never mix. The ledger always reads, so this does not block for long.
                let line = Array("\(state.last) \(text) \(process)\n".utf8)
                if !Sockets.sendAll(line, to: file) { fail(&state) }
            }
        }
    }

    private func listen() {
        var rest: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(file, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            rest += buffer.prefix(count)
            guard let end = rest.lastIndex(of: 0x0a) else { continue }
            let lines = String(decoding: rest[..<end], as: UTF8.self)
            rest.removeFirst(end + 1)
            for line in lines.split(separator: "\n") { hear(line.split(separator: " ")) }
        }
        state.withLock { fail(&$0) }
    }

    private func hear(_ words: [Substring]) {
        guard words.count == 2, let number = Int(words[0]) else { return }
        state.withLock { $0.waiting.removeValue(forKey: number) }?.resume(returning: String(words[1]))
    }

    private func fail(_ state: inout State) {
        state.isGone = true
        for continuation in state.waiting.values { continuation.resume(throwing: ChaosError("the ledger is gone")) }
        state.waiting = [:]
    }
}
