import Glibc
import Logging
import PondCore
import Synchronization

/// Standard error of a handler on its way to the log, with the ids of the job that it runs.
///
/// A flood is cut to a number of lines a second, and the log says how many are missing.
final class ErrorLines: Sendable {
    private struct State {
        var splitter = LineSplitter(lineBytesMax: BridgeLimits.errorLineBytesMax)
        var logger: Logger
        var second: LocalInstant
        var inSecond = 0
        var dropped = 0
        var last: [UInt8]?
        /// The last lines since the job began.
        var kept: [[UInt8]] = []
        var keptBytes = 0
    }

    private let state: Mutex<State>
    private let clock: LocalClock

    init(_ logger: Logger, _ clock: LocalClock) {
        state = Mutex(State(logger: logger, second: clock.now()))
        self.clock = clock
    }

    /// From now on lines belong to the job of this logger.
    ///
    /// They do until the next job begins: what a handler wrote just before its answer may be read after it.
    func belong(to logger: Logger) {
        state.withLock { state in
            state.logger = logger
            (state.kept, state.keptBytes) = ([], 0)
        }
    }

    func take(_ bytes: [UInt8]) {
        state.withLock { state in
            for line in state.splitter.append(bytes) { log(line.bytes, &state) }
        }
    }

    /// Takes lines that came another way, as a traceback in an answer.
    func take(lines text: String) {
        state.withLock { state in
            for line in text.utf8.split(separator: UInt8(ascii: "\n")) { log(Array(line), &state) }
        }
    }

    /// What is left of a last line, and how many are missing.
    func finish() {
        state.withLock { state in
            if let rest = state.splitter.finish() { log(rest.bytes, &state) }
            noteDropped(&state)
        }
    }

    /// The last line that was not empty, for error texts.
    var last: String? {
        state.withLock { state in
            state.last.map { SafeLine.text($0.prefix(BridgeLimits.quotedBytesMax)) }
        }
    }

    /// The last lines since the job began, when there is more than the last one.
    var details: String {
        state.withLock { state in
            state.kept.count > 1 ? state.kept.map { SafeLine.text($0) }.joined(separator: "\n") : ""
        }
    }

    private func keep(_ line: [UInt8], _ state: inout State) {
        state.last = line
        state.kept.append(Array(line.prefix(BridgeLimits.quotedBytesMax)))
        state.keptBytes += min(line.count, BridgeLimits.quotedBytesMax)
        while state.kept.count > BridgeLimits.keptLinesMax || state.keptBytes > BridgeLimits.keptBytesMax {
            state.keptBytes -= state.kept.removeFirst().count
        }
    }

    private func log(_ line: [UInt8], _ state: inout State) {
        if !line.isEmpty { keep(line, &state) }
        let now = clock.now()
        if state.second.duration(to: now) >= .seconds(1) {
            noteDropped(&state)
            (state.second, state.inSecond) = (now, 0)
        }
        state.inSecond += 1
        guard state.inSecond <= BridgeLimits.errorLinesPerSecond else {
            state.dropped += 1
            return
        }
        state.logger.info("\(String(decoding: line, as: UTF8.self))", metadata: mark)
    }

    private func noteDropped(_ state: inout State) {
        guard state.dropped > 0 else { return }
        state.logger.warning(
            "the handler floods its standard error; lines were dropped",
            metadata: mark.merging(["lines": "\(state.dropped)"]) { $1 }
        )
        state.dropped = 0
    }

    private var mark: Logger.Metadata { ["stream": "stderr"] }
}
