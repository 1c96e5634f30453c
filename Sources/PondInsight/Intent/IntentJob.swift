package import PondCore
package import PondQueue
package import PondSQLite

/// A part of a job's life, for a chart.
package struct IntentSegment: Sendable, Hashable {
    /// What the job did in it.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Not due yet, as its producer wished.
        case held
        /// Resting after a failure, or until somebody knows its kind.
        case backoff
        /// Ready, and waiting for a worker.
        case wait
        /// A handler had it.
        case run
    }

    /// What the job did.
    package var kind: Kind
    /// When it began.
    package var from: ServerTime
    /// When it ended, or the present for one that goes on.
    package var to: ServerTime
    /// Whether it goes on.
    package var isOpen: Bool

    /// A part of a job's life; one that `isOpen` lasts until now.
    package init(_ kind: Kind, from: ServerTime, to: ServerTime, isOpen: Bool = false) {
        self.kind = kind
        self.from = from
        self.to = max(from, to)
        self.isOpen = isOpen
    }
}

/// What happened to a job, as far as a chart needs it.
package struct IntentEvent: Sendable, Hashable {
    /// What happened.
    package var what: HistoryEvent.What
    /// When.
    package var time: ServerTime
    /// When the job is due after it.
    package var due: ServerTime?
    /// How long the job had been ready when the try began.
    package var wait: Duration?
    /// How long the try ran.
    package var run: Duration?

    package init(
        _ what: HistoryEvent.What,
        at time: ServerTime,
        due: ServerTime? = nil,
        wait: Duration? = nil,
        run: Duration? = nil
    ) {
        self.what = what
        self.time = time
        self.due = due
        self.wait = wait
        self.run = run
    }

    /// An event of the history.
    package init(_ event: HistoryEvent) {
        self.init(event.what, at: event.time, due: event.due, wait: event.wait, run: event.run)
    }
}

/// One job of an intent.
package struct IntentJob: Sendable, Hashable {
    /// Its queue's name.
    package var queue: String
    /// Its id.
    package var id: JobID
    /// What it is; nil when nobody said.
    package var kind: String?
    /// The job that enqueued it.
    package var causationID: String?
    /// `done`, `dead` and so on for one that has ended, else `ready`, `running`, `held`; `unknown` when nobody can tell.
    package var state: String
    /// Tries that began.
    package var tries: Int
    /// What it did, in order.
    package var segments: [IntentSegment]

    package init(
        queue: String,
        id: JobID,
        kind: String?,
        causationID: String?,
        state: String,
        tries: Int,
        segments: [IntentSegment]
    ) {
        self.queue = queue
        self.id = id
        self.kind = kind
        self.causationID = causationID
        self.state = state
        self.tries = tries
        self.segments = segments
    }

    /// How long it did something, all parts together.
    package func time(_ kind: IntentSegment.Kind) -> Duration {
        segments.filter { $0.kind == kind }.reduce(.zero) { $0 + $1.to.since($1.from) }
    }
}

extension IntentJob {
    /// Where a job is now, when it has not ended.
    package struct Live: Sendable, Hashable {
        /// Where.
        package var state: JobReport.State
        /// Since when; nil when that is not recorded.
        package var since: ServerTime?

        package init(_ state: JobReport.State, since: ServerTime?) {
            self.state = state
            self.since = since
        }
    }

    /// A job's life from what happened to it.
    ///
    /// - Parameters:
    ///   - live: where it is in Redis; nil when nobody looked or it is not there.
    ///   - now: Redis' clock.
    package init(
        queue: String,
        id: JobID,
        kind: String?,
        causationID: String?,
        events: [IntentEvent],
        live: Live?,
        now: ServerTime
    ) {
        var life = Life()
        for event in events { life.take(event) }
        life.goOn(live, now)
        self.init(
            queue: queue,
            id: id,
            kind: kind,
            causationID: causationID,
            state: life.end ?? live?.state.rawValue ?? "unknown",
            tries: life.tries,
            segments: life.segments
        )
    }

    /// What is known up to an event.
    private struct Life {
        var segments: [IntentSegment] = []
        var tries = 0
        var end: String?
        /// What the job rests in, since when, and until when at least.
        private var rest: (kind: IntentSegment.Kind, from: ServerTime, due: ServerTime?)?
        private var runningSince: ServerTime?

        mutating func take(_ event: IntentEvent) {
            switch event.what {
            case .enqueued: rest = (.wait, event.time, nil)
            case .scheduled: rest = (.held, event.time, event.due)
            case .started, .progress:
                runningSince = event.run.map { event.time.advanced(by: .zero - $0) } ?? runningSince ?? event.time
            case .retried, .deferred, .released:
                closeTry(event)
                rest = event.due.map { (.backoff, event.time, $0) } ?? (.wait, event.time, nil)
            case .reclaimed, .revived:
                closeTry(event)
                (rest, end) = ((.wait, event.time, nil), nil)
            case .lost, .ghost: break
            case .done, .dead, .duplicate, .cancelled, .expired, .compensated:
                closeTry(event)
                (rest, end) = (nil, event.what.name)
            case .dropped, .discarded: end = event.what.name
            }
        }

        /// Adds the rest and the run that an event ends.
        private mutating func closeTry(_ event: IntentEvent) {
            let began = event.run.map { event.time.advanced(by: .zero - $0) } ?? runningSince
            let ready = began.flatMap { began in event.wait.map { began.advanced(by: .zero - $0) } }
            closeRest(until: began ?? event.time, readySince: ready)
            if let began {
                segments.append(IntentSegment(.run, from: began, to: event.time))
                tries += 1
            }
            runningSince = nil
        }

        private mutating func closeRest(until time: ServerTime, readySince: ServerTime?, isOpen: Bool = false) {
            defer { rest = nil }
            guard let rest else {
                if let readySince { segments.append(IntentSegment(.wait, from: readySince, to: time, isOpen: isOpen)) }
                return
            }
            let ready = min(time, max(rest.from, readySince ?? rest.due ?? rest.from))
            if rest.kind != .wait, ready > rest.from {
                segments.append(IntentSegment(rest.kind, from: rest.from, to: ready))
            }
            let waited = rest.kind == .wait ? min(rest.from, readySince ?? rest.from) : ready
            if time > waited { segments.append(IntentSegment(.wait, from: waited, to: time, isOpen: isOpen)) }
        }

        /// Adds what goes on now.
        mutating func goOn(_ live: Live?, _ now: ServerTime) {
            guard end == nil, let live else { return }
            switch live.state {
            case .running:
                let began = runningSince ?? live.since ?? now
                closeRest(until: began, readySince: nil)
                segments.append(IntentSegment(.run, from: began, to: now, isOpen: true))
                tries += 1
            case .ready: closeRest(until: now, readySince: live.since, isOpen: true)
            case .held:
                let from = rest?.from ?? live.since ?? now
                segments.append(
                    IntentSegment(rest?.kind == .held ? .held : .backoff, from: from, to: now, isOpen: true)
                )
            case .waiting:
                segments.append(IntentSegment(.held, from: live.since ?? now, to: now, isOpen: true))
            case .dead, .unknown: break
            }
        }
    }
}
