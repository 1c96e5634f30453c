import Synchronization

/// Lines of a handler on their way to the one that reads them, while somebody does.
package final class LineMailbox: Sendable {
    private struct State {
        var isOpen = false
        var hasEnded = false
        var lines: [[UInt8]] = []
        var reader: CheckedContinuation<[UInt8]?, Never>?
        var writer: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    package init() {}

    /// Somebody reads from now on.
    package func open() { state.withLock { $0.isOpen = true } }

    /// Nobody reads any more.
    ///
    /// - Returns: whether every line had been read.
    @discardableResult
    package func close() -> Bool {
        let (wasEmpty, writer) = state.withLock { state in
            defer {
                state.isOpen = false
                state.lines = []
                state.writer = nil
            }
            return (state.lines.isEmpty, state.writer)
        }
        writer?.resume()
        return wasEmpty
    }

    /// Delivers a line, and waits while too many are unread.
    ///
    /// - Returns: false when nobody reads.
    package func put(_ line: [UInt8]) async -> Bool {
        let (isTaken, reader, isFull) = state.withLock { state in
            guard state.isOpen else { return (false, state.reader, false) }
            defer { state.reader = nil }
            if state.reader == nil { state.lines.append(line) }
            return (true, state.reader, state.lines.count >= BridgeLimits.linesAhead)
        }
        reader?.resume(returning: line)
        if isFull { await room() }
        return isTaken
    }

    private func room() async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if !state.isOpen || state.hasEnded || state.lines.count < BridgeLimits.linesAhead { return true }
                state.writer = continuation
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// The next line, nil when there is none and will be none.
    ///
    /// It does not end with its task: a handler that is told to stop may still answer.
    package func next() async -> [UInt8]? {
        await withCheckedContinuation { continuation in
            let (line, isKnown, writer) = state.withLock {
                state -> ([UInt8]?, Bool, CheckedContinuation<Void, Never>?) in
                if state.lines.isEmpty && !state.hasEnded {
                    state.reader = continuation
                    return (nil, false, nil)
                }
                defer { state.writer = nil }
                return (state.lines.isEmpty ? nil : state.lines.removeFirst(), true, state.writer)
            }
            writer?.resume()
            if isKnown { continuation.resume(returning: line) }
        }
    }

    /// There will be no more lines.
    package func end() {
        let (reader, writer) = state.withLock { state in
            defer { (state.reader, state.writer, state.hasEnded) = (nil, nil, true) }
            return (state.reader, state.writer)
        }
        reader?.resume(returning: nil)
        writer?.resume()
    }
}
