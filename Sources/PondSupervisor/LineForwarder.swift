// Passes the workers' output on to the supervisor's own output, and never waits for its reader.
//
// A write to a pipe or a terminal blocks when nobody reads, and the descriptor cannot be made non-blocking because
// others share it. So one thread of its own writes; `forward` only puts lines into a bounded buffer and drops them,
// counted, when that is full. A reader that has gone away for good costs a thread that discards.

import Glibc
package import Logging
package import PondCore
import Synchronization
package import SystemPackage

/// Writes lines to a descriptor that may be slow, blocked or gone.
package final class LineForwarder: Sendable {
    private struct State {
        var buffer: [UInt8] = []
        var dropped = 0
        var isClosed = false
    }

    private let output: FileDescriptor
    private let bytesMax: Int
    private let logger: Logger
    private let state = Mutex(State())
    /// A pipe: the writer thread sleeps in a read of it, whoever has news writes a byte, only under the lock of
    /// `state` and only while that is open.
    private let wakeUp: (read: FileDescriptor, write: FileDescriptor)
    private let ended: AsyncStream<Never>
    private let endedContinuation: AsyncStream<Never>.Continuation

    /// Starts the writer thread, which lives until ``finish(clock:)`` and its last write are over.
    ///
    /// - Throws: `Errno` when the system has no descriptor or no thread left.
    package init(
        to output: FileDescriptor,
        bytesMax: Int = SupervisorLimits.forwardBytesMax,
        logger: Logger
    ) throws {
        let ends = try FileDescriptor.pipe()
        for end in [ends.readEnd, ends.writeEnd] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
        // A full pipe of wake-ups wakes the thread as well as one more would.
        _ = fcntl(ends.writeEnd.rawValue, F_SETFL, O_NONBLOCK)
        wakeUp = (ends.readEnd, ends.writeEnd)
        self.output = output
        self.bytesMax = bytesMax
        self.logger = logger
        (ended, endedContinuation) = AsyncStream.makeStream(of: Never.self)
        try startThread()
    }

    /// Takes a line, without its newline, or drops it when the reader is too slow; returns at once.
    ///
    /// - Returns: whether the line was taken.
    @discardableResult
    package func forward(_ line: [UInt8]) -> Bool {
        // Said once when it begins and once when it is over, never once a line.
        let news = state.withLock { state -> (isTaken: Bool, dropped: Int) in
            guard !state.isClosed, state.buffer.count + line.count + 1 <= bytesMax else {
                state.dropped += 1
                return (false, state.dropped)
            }
            state.buffer += line
            state.buffer.append(UInt8(ascii: "\n"))
            ring()
            defer { state.dropped = 0 }
            return (true, state.dropped)
        }
        if news.isTaken {
            logDropped(news.dropped)
        } else if news.dropped == 1 {
            logger.warning("nobody reads the supervisor's standard output fast enough, output of workers is dropped")
        }
        return news.isTaken
    }

    private func logDropped(_ lines: Int) {
        guard lines > 0 else { return }
        logger.warning("lines of the workers' output were dropped", metadata: ["lines": "\(lines)"])
    }

    /// Takes no more lines and waits for the reader to get the last ones, at most a second.
    package func finish(clock: LocalClock) async {
        state.withLock { state in
            if !state.isClosed { ring() }
            state.isClosed = true
        }
        await withTaskGroup { group in
            group.addTask { [ended] in for await _ in ended {} }
            // Cancelled or over: either way the wait ends.
            group.addTask { _ = try? await clock.sleep(SupervisorLimits.forwardFlushMax) }
            await group.next()
            group.cancelAll()
        }
        logDropped(state.withLock { $0.dropped })
    }

    private func ring() {
        var byte: UInt8 = 0
        _ = write(wakeUp.write.rawValue, &byte, 1)
    }
}

// MARK: - The thread

extension LineForwarder {
    private func startThread() throws {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let result = pthread_create(&thread, nil, LineForwarder.threadMain, context.toOpaque())
        guard result == 0 else {
            context.release()
            closeWakeUp()
            throw Errno(rawValue: result)
        }
        pthread_detach(thread)
    }

    // Written outside of any isolation, because it runs on a thread that Swift knows nothing about.
    private static let threadMain: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
        guard let context else { return nil }
        // A write to a reader that has gone away raises SIGPIPE in this thread; blocked, it is only an error number.
        var signals = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        Unmanaged<LineForwarder>.fromOpaque(context).takeRetainedValue().writeUntilClosed()
        return nil
    }

    private func writeUntilClosed() {
        var wakeUps = [UInt8](repeating: 0, count: 256)
        var hasReader = true
        var isOver = false
        while !isOver {
            _ = read(wakeUp.read.rawValue, &wakeUps, wakeUps.count)
            let batch = state.withLock { state -> [UInt8] in
                isOver = state.isClosed
                defer { state.buffer = [] }
                return state.buffer
            }
            if hasReader, !batch.isEmpty {
                do {
                    try output.writeAll(batch)
                } catch {
                    // Nobody will ever read again: the lines have nowhere to go, the workers must not notice.
                    hasReader = false
                }
            }
        }
        closeWakeUp()
        endedContinuation.finish()
    }

    private func closeWakeUp() {
        close(wakeUp.read.rawValue)
        close(wakeUp.write.rawValue)
    }
}
