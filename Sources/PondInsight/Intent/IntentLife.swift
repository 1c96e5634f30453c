import PondCore
import PondQueue
import PondSQLite

/// What is known of a job up to an event: what it has done so far, and what it is at.
struct IntentLife {
    private(set) var segments: [IntentSegment] = []
    private(set) var tries = 0
    private(set) var end: String?
    /// What the job rests in, since when, and until when at least.
    private var rest: (kind: IntentSegment.Kind, from: ServerTime, due: ServerTime?)?
    private var runningSince: ServerTime?
    /// Whether its saga has turned round.
    private var isUndoing = false

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
        case .done, .dead, .duplicate, .cancelled, .expired, .compensated:
            closeTry(event)
            (rest, end) = (nil, event.what.name)
        case .limited:
            closeRest(until: event.time, readySince: nil)
            rest = (.limited, event.time, nil)
        case .dropped, .discarded: end = event.what.name
        case .waiting, .sagaPaused, .woken, .sagaResumed, .sagaReopened, .turned: move(event)
        case .saga, .step, .stepRetried, .stepFailed, .stepUnknown, .wait, .children, .undone, .undoRetried,
            .undoFailed,
            .undoSkipped:
            noteRun(event)
        default: break
        }
    }

    /// Of a saga: it is parked, goes on or turns round.
    private mutating func move(_ event: IntentEvent) {
        if event.what == .turned { isUndoing = true }
        switch event.what {
        // What a person pauses or turns while it runs goes on until its worker hears of it.
        case .sagaPaused where !event.isOfWorker, .turned where !event.isOfWorker && runningSince != nil: break
        case .waiting, .sagaPaused:
            closeTry(event, isTry: false)
            rest = (.parked, event.time, nil)
        default:
            closeTry(event, isTry: false)
            (rest, end) = ((.wait, event.time, nil), nil)
        }
    }

    /// What a step does says that a handler has the job, and since when at the latest.
    private mutating func noteRun(_ event: IntentEvent) {
        guard end == nil, rest?.kind != .parked else { return }
        let began = event.run.map { event.time.advanced(by: .zero - $0) } ?? event.time
        // A step that was begun in an earlier run has an earlier time.
        let least = max(began, rest?.from ?? segments.last?.to ?? began)
        runningSince = min(runningSince ?? least, least)
    }

    /// Adds the rest and the run that an event ends.
    private mutating func closeTry(_ event: IntentEvent, isTry: Bool = true) {
        let began = (isTry ? event.run : nil).map { event.time.advanced(by: .zero - $0) } ?? runningSince
        let ready = began.flatMap { began in event.wait.map { began.advanced(by: .zero - $0) } }
        closeRest(until: began ?? event.time, readySince: ready)
        if let began {
            segments.append(
                IntentSegment(isUndoing && event.what != .turned ? .undo : .run, from: began, to: event.time)
            )
            if isTry { tries += 1 }
        }
        runningSince = nil
    }

    private mutating func closeRest(until time: ServerTime, readySince: ServerTime?, isOpen: Bool = false) {
        defer { rest = nil }
        guard let rest else {
            if let readySince { segments.append(IntentSegment(.wait, from: readySince, to: time, isOpen: isOpen)) }
            return
        }
        if rest.kind == .parked || rest.kind == .limited {
            return segments.append(IntentSegment(rest.kind, from: rest.from, to: time))
        }
        let ready = min(time, max(rest.from, readySince ?? rest.due ?? rest.from))
        if rest.kind != .wait, ready > rest.from {
            segments.append(IntentSegment(rest.kind, from: rest.from, to: ready))
        }
        let waited = rest.kind == .wait ? min(rest.from, readySince ?? rest.from) : ready
        if time > waited { segments.append(IntentSegment(.wait, from: waited, to: time, isOpen: isOpen)) }
    }

    /// Adds what goes on now.
    mutating func goOn(_ live: IntentJob.Live?, _ now: ServerTime) {
        guard end == nil, let live else { return }
        switch live.state {
        case .running:
            let began = runningSince ?? live.since ?? now
            closeRest(until: began, readySince: nil)
            segments.append(IntentSegment(isUndoing ? .undo : .run, from: began, to: now, isOpen: true))
            tries += 1
        case .ready: closeRest(until: now, readySince: live.since, isOpen: true)
        case .held:
            let from = rest?.from ?? live.since ?? now
            segments.append(IntentSegment(rest?.kind == .held ? .held : .backoff, from: from, to: now, isOpen: true))
        case .limited:
            let from = rest?.kind == .limited ? rest?.from : nil
            segments.append(IntentSegment(.limited, from: from ?? live.since ?? now, to: now, isOpen: true))
        case .waiting:
            let from = rest?.kind == .parked ? rest?.from : nil
            segments.append(IntentSegment(.parked, from: from ?? live.since ?? now, to: now, isOpen: true))
        case .dead, .unknown: break
        }
    }
}
