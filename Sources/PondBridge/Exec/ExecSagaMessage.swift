import PondCore
import PondSaga

/// What a program asks for that is remembered, read and checked.
package enum ExecSagaMessage: Sendable, Equatable {
    /// A step; with a time for its answer it is a callback.
    case step(ExecStep)
    case callback(ExecStep, within: Duration?)
    case sleep(name: String, time: Duration)
    case signal(name: String, within: Duration?)
    case fanOut(ExecFanOut)
    /// How that ended which the worker had it do.
    case report(ExecReport)

    /// - Returns: nil for a type that is none of a saga's.
    init?(_ type: String, _ members: JSONMembers) throws(FlawedMessage) {
        switch type {
        case "step": self = .step(try ExecStep(members))
        case "callback": self = .callback(try ExecStep(members), within: try members.milliseconds("within_ms"))
        case "sleep":
            guard let time = try members.milliseconds("ms") else { throw FlawedMessage("a sleep needs ms") }
            self = .sleep(name: try members.stepName(), time: time)
        case "signal":
            self = .signal(name: try members.stepName(), within: try members.milliseconds("within_ms"))
        case "fan_out": self = .fanOut(try ExecFanOut(members))
        default:
            guard let word = ExecReport.Word(rawValue: type) else { return nil }
            self = .report(try ExecReport(word, members))
        }
    }

    /// What it is, for people.
    var text: String {
        switch self {
        case .step(let step): "the step \(step.name)"
        case .callback(let step, _): "the callback \(step.name)"
        case .sleep(let name, _): "the sleep \(name)"
        case .signal(let name, _): "the signal \(name)"
        case .fanOut(let fanOut): "the fan-out \(fanOut.name)"
        case .report(let report): report.word.rawValue
        }
    }
}

/// A step as a program asks for it.
package struct ExecStep: Sendable, Equatable {
    /// How it is undone: with its result, or also when that is not known.
    enum Undo: String {
        case result, always
    }

    var name: String
    var effect: StepEffect
    var undo: Undo?
    var isPivot: Bool
    var hasProbe: Bool
    var input: [UInt8]?
    var retries: Int?
    var timeout: Duration?

    fileprivate init(_ members: JSONMembers) throws(FlawedMessage) {
        name = try members.stepName()
        effect = try members.word("effect", of: "pure, keyed, query and once") ?? .keyed
        undo = try members.word("undo", of: "result and always")
        isPivot = try members.flag("pivot")
        hasProbe = try members.flag("probe")
        input = try members.bytes("input")
        retries = try members.whole("retries", upTo: BridgeLimits.stepRetriesMax)
        timeout = try members.milliseconds("timeout_ms")
    }
}

/// Child jobs that a program asks for, and waits for.
package struct ExecFanOut: Sendable, Equatable {
    var name: String
    var kind: String
    var items: [[UInt8]]
    var limit: Int?
    var atLeast: Int?
    var undo: ExecStep.Undo?

    fileprivate init(_ members: JSONMembers) throws(FlawedMessage) {
        name = try members.stepName()
        guard let kind = try members.text("kind") else { throw FlawedMessage("a fan-out needs a kind") }
        self.kind = kind
        guard let items = JSONElements.of(try members.bytes("items") ?? []) else {
            throw FlawedMessage("its items are no list")
        }
        self.items = items
        limit = try members.whole("limit", upTo: Limits.sagaChildrenAtOnceMax)
        atLeast = try members.whole("at_least", upTo: Limits.sagaChildrenMax)
        undo = try members.word("undo", of: "result and always")
    }
}

/// How a step, its undo or its probe ended.
package struct ExecReport: Sendable, Equatable {
    enum Word: String {
        case done = "step_done"
        case failed = "step_failed"
        case probed
        case undoDone = "undo_done"
        case undoFailed = "undo_failed"
    }

    var word: Word
    /// The step's name as the worker gave it; nil when it does not say.
    var name: String?
    var result: [UInt8]?
    /// Why there is no result, although it had one.
    var dropped: String?
    var error: String
    /// Set when no further try can help, and what it does has not happened.
    var cause: String?
    var rootCause: String?
    var after: Duration?

    fileprivate init(_ word: Word, _ members: JSONMembers) throws(FlawedMessage) {
        self.word = word
        name = try members.text("name")
        result = try members.bytes("result")
        dropped = try members.text("result_dropped")
        error = try members.text("error") ?? "the handler does not say why"
        cause = try members.text("cause")
        rootCause = try members.text("root_cause")
        after = try members.milliseconds("after_ms")
    }

    /// The failure that it tells of.
    var failure: ProgramAnswer {
        ProgramAnswer(
            text: error,
            cause: cause.map { Cause(CauseName.made(from: $0)) },
            rootCause: rootCause,
            retryAfter: after
        )
    }
}

extension JSONMembers {
    /// Whether it is a name that a step may have, is told to the program as any failure of a step.
    fileprivate func stepName() throws(FlawedMessage) -> String {
        guard let name = try text("name") else { throw FlawedMessage("it has no name") }
        return name
    }

    fileprivate func flag(_ name: String) throws(FlawedMessage) -> Bool {
        guard let bytes = try bytes(name) else { return false }
        if bytes.elementsEqual("true".utf8) { return true }
        guard bytes.elementsEqual("false".utf8) else { throw FlawedMessage("\(name) is neither true nor false") }
        return false
    }

    fileprivate func whole(_ name: String, upTo most: Int) throws(FlawedMessage) -> Int? {
        guard let number = try number(name) else { return nil }
        guard let whole = Int(exactly: number), (0...most).contains(whole) else {
            throw FlawedMessage("\(name) is no whole number from 0 to \(most)")
        }
        return whole
    }

    fileprivate func word<Word: RawRepresentable<String>>(
        _ name: String,
        of all: String
    ) throws(FlawedMessage) -> Word? {
        guard let text = try text(name) else { return nil }
        guard let word = Word(rawValue: text) else {
            throw FlawedMessage("its \(name) \"\(text.prefix(50))\" is none of \(all)")
        }
        return word
    }
}
