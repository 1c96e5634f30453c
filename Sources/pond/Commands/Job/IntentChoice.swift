import ArgumentParser
import PondCore

/// An id as a log line has it, and the history that knows more of it than Redis.
struct IntentChoice: ParsableArguments {
    @Argument(help: ArgumentHelp("A job's id, QUEUE/ID, or a correlation id.", valueName: "id"))
    var id: String

    @OptionGroup var history: HistoryFile

    func validate() throws {
        guard (1...Limits.headerValueBytesMax).contains(id.utf8.count) else {
            throw ValidationError("an id has 1 to \(Limits.headerValueBytesMax) bytes, this has \(id.utf8.count)")
        }
    }
}
