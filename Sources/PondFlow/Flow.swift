package import PondCore

/// A flow as its document says: steps, and what comes before what.
package struct Flow: Sendable, Hashable {
    /// What its jobs are called.
    package var kind: JobKind
    /// A line for people.
    package var about: String
    /// In the document's order.
    package var steps: [FlowStep]
    /// What the flow's job gives to whoever waits for it; nil for nothing.
    package var result: FlowTemplate?
    /// The document itself, without its layout: what a job that has begun goes on with.
    package var source: FlowValue

    /// The longest name of a step or a signal, in bytes.
    package static let nameBytesMax = 100
    /// The name of the step that remembers the document of a flow that has begun.
    package static let documentStep = "flow"

    /// The steps whose results are pointed to, so that others need not be read.
    package var pointedTo: Set<String> {
        Set((steps.flatMap(\.pointers) + (result?.pointers ?? [])).compactMap(\.step))
    }
}

/// One step of a flow.
package struct FlowStep: Sendable, Hashable {
    /// What it is called, in the document and in the saga.
    package var name: String
    /// A line for people.
    package var about = ""
    /// Where the document names it.
    package var place: FlowPlace
    /// What it does.
    package var work: Work
    /// The steps that are over before it begins, as places among the flow's steps.
    package var after: [Int] = []
    /// When it is passed over; nil for never.
    package var when: FlowCondition?
    /// What undoes it.
    package var undo: Undo = .missing

    /// What a step does.
    package enum Work: Sendable, Hashable {
        /// Runs a job.
        case job(FlowJob)
        /// Runs a job for each element of an array.
        case each(FlowJob, FlowEach)
        case sleep(Duration)
        case signal(String, within: Duration?)
        /// Hands a token to a job, and waits for its answer.
        case callback(FlowJob, within: Duration?)

        /// The job, where there is one.
        package var job: FlowJob? {
            switch self {
            case .job(let job), .each(let job, _), .callback(let job, _): job
            case .sleep, .signal: nil
            }
        }
    }

    /// What undoes a step.
    package enum Undo: Sendable, Hashable {
        /// The document does not say.
        case missing
        /// `undo: none`: there is nothing to undo.
        case nothing
        case job(FlowJob)

        /// The job, where there is one.
        package var job: FlowJob? {
            if case .job(let job) = self { return job }
            return nil
        }
    }

    /// All that it points to.
    package var pointers: [FlowPointer] {
        var found = (work.job?.input?.pointers ?? []) + (undo.job?.input?.pointers ?? [])
        if let when { found.append(when.from) }
        if case .each(_, let each) = work { found.append(each.over) }
        return found
    }
}

/// A job that a step runs.
package struct FlowJob: Sendable, Hashable {
    /// What is run.
    package var kind: JobKind
    /// What it is given; nil leaves that to the step.
    package var input: FlowTemplate?
    /// The limit of one try; nil leaves it to the worker.
    package var timeout: Duration?
    /// Further tries after the first; nil leaves them to the worker.
    package var retries: Int?

    /// A job of a kind.
    package init(kind: JobKind, input: FlowTemplate? = nil, timeout: Duration? = nil, retries: Int? = nil) {
        (self.kind, self.input, self.timeout, self.retries) = (kind, input, timeout, retries)
    }
}

/// Over what a step runs many jobs.
package struct FlowEach: Sendable, Hashable {
    /// Where the array is.
    package var over: FlowPointer
    /// How many are queued or run at a time.
    package var limit: Int
    /// How many have to be done; nil for all, 0 for none: then all are waited for.
    package var atLeast: Int?
}

/// When a step is done, and not passed over: no more than equality and `in`.
package struct FlowCondition: Sendable, Hashable {
    /// Where the value is that is looked at; nothing there counts as null.
    package var from: FlowPointer
    /// The values for which the step is done.
    package var values: [FlowValue]

    /// Holds when one of the values is there.
    package init(from: FlowPointer, values: [FlowValue]) {
        (self.from, self.values) = (from, values)
    }

    /// Whether the step is done.
    package func holds(in scope: FlowScope) -> Bool {
        let value = scope.value(at: from) ?? .null
        return values.contains { $0.equals(value) }
    }
}

/// A place in a document, from 1; 0 where nobody knows.
package struct FlowPlace: Sendable, Hashable, Comparable {
    /// The line.
    package var line: Int
    /// The character in the line.
    package var column: Int

    /// A place, or none.
    package init(line: Int = 0, column: Int = 0) {
        (self.line, self.column) = (line, column)
    }

    package static func < (a: FlowPlace, b: FlowPlace) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// Something in a document that is wrong, or may be.
package struct FlowIssue: Sendable, Hashable {
    /// How bad it is.
    package enum Severity: String, Sendable, Hashable {
        /// The flow is not started.
        case error
        /// It is, and somebody should look.
        case warning
    }

    /// How bad it is.
    package var severity: Severity
    /// Where.
    package var place: FlowPlace
    /// What is wrong.
    package var text: String
    /// What to do about it.
    package var hint: String?
}
