import FoundationEssentials
import PondCore
import PondWorker

// What a program is told of its saga.
extension ExecRequest {
    /// Something that the program has to do now.
    enum Call: String {
        /// A step, or the sending of a callback.
        case go
        /// Whether a step has happened.
        case probe
        case undo
    }

    /// The program does something, and says how that ended.
    static func call(_ call: Call, _ step: StepContext, _ id: JobID, result: [UInt8]? = nil) -> [UInt8] {
        var line = begin(call.rawValue, id, step.name)
        line.add("key", step.key)
        line.add("attempt", Int64(step.attempt))
        if !step.token.isEmpty { line.add("token", step.token) }
        add(result: result ?? [], to: &line)
        return line.end()
    }

    /// A step is done, or a wait over; without a result when it had none.
    static func stepped(_ name: String, _ id: JobID, result: [UInt8]) -> [UInt8] {
        var line = begin("stepped", id, name)
        add(result: result, to: &line)
        return line.end()
    }

    /// A step has failed for good, and is remembered so.
    static func failed(_ name: String, _ id: JobID, error: String, cause: String) -> [UInt8] {
        var line = begin("failed", id, name)
        line.add("error", error)
        line.add("cause", cause)
        return line.end()
    }

    /// A step has failed, and is run again with the job's next try: the handler throws what the step threw.
    static func again(_ name: String, _ id: JobID, error: String) -> [UInt8] {
        var line = begin("again", id, name)
        line.add("error", error)
        return line.end()
    }

    /// The saga goes no further here: the handler unwinds.
    static func suspended(_ name: String, _ id: JobID) -> [UInt8] { begin("suspended", id, name).end() }

    /// Nothing of the job is left to be undone here.
    static func undone(_ id: JobID) -> [UInt8] {
        var line = JSONLine()
        line.add("type", "undone")
        line.add("id", id.text)
        return line.end()
    }

    private static func begin(_ type: String, _ id: JobID, _ name: String) -> JSONLine {
        var line = JSONLine()
        line.add("type", type)
        line.add("id", id.text)
        line.add("name", name)
        return line
    }

    /// JSON as it is, digit by digit; what is none, as somebody else may have answered, as base64.
    private static func add(result: [UInt8], to line: inout JSONLine) {
        guard !result.isEmpty else { return }
        do {
            try JSONSyntax.check(result)
            line.add(raw: "result", result)
        } catch {
            line.add("result_base64", Data(result).base64EncodedString())
        }
    }
}
