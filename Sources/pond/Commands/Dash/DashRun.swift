import Millpond
import PondCore
import PondInsight
import PondQueue
import Synchronization

/// What the screen wants read, for the task that reads it.
private final class DashWish: Sendable {
    private let state = Mutex(DashRequest())
    /// Rung when something else is wanted.
    let signal = WakeSignal()

    var request: DashRequest { state.withLock { $0 } }

    func set(_ request: DashRequest) {
        let differs = state.withLock { state in
            defer { state = request }
            return request.differs(from: state)
        }
        if differs { signal.ring() }
    }
}

/// The dashboard on a terminal: looks once a second, draws what changed, obeys keys.
struct DashRun: Sendable {
    /// How it ended.
    enum End: Sendable {
        /// A person left with `q`.
        case quit
        /// Ctrl-C, a signal, or the terminal went away.
        case interrupted
        /// Whoever started it has had enough.
        case stopped
    }

    private enum Event: Sendable {
        case terminal(TerminalEvent)
        case look(DashLook)
        case news(DashNews)
        case lost(String)
        case said(String)
        /// Ages go on while nothing comes.
        case tick
        case end(End)
    }

    private let source: DashSource
    private let reader: DashReader
    private let setting: DashFrame.Setting
    private let isColored: Bool
    private let interval: Duration
    private let clock: LocalClock
    private let events: AsyncStream<Event>
    private let inbox: AsyncStream<Event>.Continuation
    private let lookSignal = WakeSignal()
    private let wish = DashWish()

    init(
        _ source: DashSource,
        _ reader: DashReader,
        _ setting: DashFrame.Setting,
        isColored: Bool,
        every interval: Duration,
        clock: LocalClock = .system
    ) {
        (self.source, self.reader, self.setting, self.isColored) = (source, reader, setting, isColored)
        (self.interval, self.clock) = (interval, clock)
        (events, inbox) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(1_000))
    }

    /// Ends it from outside; may be called at any time and again.
    func end(_ end: End) {
        inbox.yield(.end(end))
    }

    /// Shows the dashboard until somebody leaves it; the terminal is as it was afterwards.
    func run() async throws -> End {
        // Before the screen changes, so that a wrong address is told as every command tells it.
        var source = source
        let first = try await source.look()
        inbox.yield(.look(first))
        let watcher = source
        return try await TerminalScreen.with { screen in
            let keys = try KeyThread.start { [inbox] in inbox.yield(.terminal($0)) }
            defer { keys.stop() }
            return try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { await watch(watcher) }
                group.addTask { await readWished() }
                group.addTask { while await slept(.seconds(1)) { inbox.yield(.tick) } }
                return try await show(on: screen, &group)
            }
        }
    }

    private func show(
        on screen: TerminalScreen,
        _ group: inout ThrowingTaskGroup<Void, any Error>
    ) async throws -> End {
        var state = State(size: TerminalScreen.size, diff: DashDiff(isColored: isColored))
        for await event in events {
            for action in state.take(event, at: clock.now()) {
                switch action {
                case .quit: return .quit
                case .interrupt: return .interrupted
                case .redraw: state.diff.forget()
                case .refresh: lookSignal.ring()
                case .pause(let queue): group.addTask { await pause(queue, true) }
                case .resume(let queue): group.addTask { await pause(queue, false) }
                case .cancel(let job): group.addTask { await cancel(job) }
                case .retry(let job): group.addTask { await retry(job) }
                }
            }
            if let end = state.end { return end }
            wish.set(state.model.request)
            try screen.show(state.picture(setting, at: clock.now()))
        }
        return .interrupted
    }

    // MARK: Redis

    private func watch(_ source: DashSource) async {
        var source = source
        await lookSignal.wait(atMost: interval, clock)
        while !Task.isCancelled {
            do {
                inbox.yield(.look(try await source.look(isSparing: wish.request.subject != .nothing)))
            } catch is CancellationError {
                return
            } catch {
                inbox.yield(.lost(CommandFailure(describing: error).message))
            }
            await lookSignal.wait(atMost: interval, clock)
        }
    }

    /// Reads what the screen wants: one thing at a time, however slow Redis is and however fast somebody types.
    private func readWished() async {
        var reader = reader
        while !Task.isCancelled {
            if let news = await reader.read(wish.request) { inbox.yield(.news(news)) }
            await wish.signal.wait(atMost: interval, clock)
        }
    }

    private func cancel(_ job: DashJobAddress) async {
        await act {
            switch try await source.pond.queue(job.queue).cancel(job.id) {
            case .cancelled: "\(job) is cancelled"
            case .cancelling: "\(job) runs; its worker learns with its next heartbeat that it is cancelled"
            case .unknown: "not done: \(job) has ended, or is dead"
            }
        }
    }

    private func retry(_ job: DashJobAddress) async {
        await act {
            switch try await source.pond.queue(job.queue).revive([job.id]).first {
            case .enqueued: "\(job) is sent back"
            case .refused(let reason): "not done: \(reason)"
            case .unknown, nil: "not done: \(job) is dead no more"
            }
        }
    }

    /// Does something, says how it went, and looks again.
    private func act(_ body: () async throws -> String) async {
        do {
            inbox.yield(.said(try await body()))
            lookSignal.ring()
            wish.signal.ring()
        } catch {
            inbox.yield(.said("not done: \(CommandFailure(describing: error).message)"))
        }
    }

    private func pause(_ name: String, _ pauses: Bool) async {
        await act {
            let queue = try source.pond.queue(name)
            if pauses { try await queue.pause(reason: "by pond dash") } else { try await queue.resume() }
            return pauses ? "\(name) is paused; jobs in flight go on" : "\(name) goes on"
        }
    }

    private func slept(_ duration: Duration) async -> Bool {
        do { try await clock.sleep(duration) } catch { return false }
        return true
    }
}

extension DashRun {
    /// What lives from event to event.
    private struct State {
        var model = DashModel()
        var parser = KeyParser()
        var size: TerminalSize
        var diff: DashDiff
        var end: End?

        init(size: TerminalSize, diff: DashDiff) {
            (self.size, self.diff) = (size, diff)
        }

        mutating func take(_ event: Event, at now: LocalInstant) -> [DashAction] {
            switch event {
            case .look(let look): model.take(look, at: now)
            case .news(let news): model.take(news)
            case .lost(let reason): model.lose(reason, at: now)
            case .said(let text): model.say(text, at: now)
            case .tick: break
            case .end(let end): self.end = end
            case .terminal(.closed): end = .interrupted
            case .terminal(.resized(let size)): self.size = size
            case .terminal(.bytes(let bytes)): return press(parser.take(bytes))
            case .terminal(.quiet): return press(parser.pause())
            }
            return []
        }

        private mutating func press(_ keys: [DashKey]) -> [DashAction] {
            (model.pageRows, model.pageColumns) = (max(1, size.rows - 6), size.columns)
            return keys.compactMap { model.apply($0) }
        }

        mutating func picture(_ setting: DashFrame.Setting, at now: LocalInstant) -> String {
            diff.update(
                to: DashFrame.draw(model, columns: size.columns, rows: size.rows, setting, at: now)
            )
        }
    }
}
