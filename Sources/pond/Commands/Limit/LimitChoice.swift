import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// Whose limits a command is about.
struct LimitScope: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The queue whose limits are meant: needed on a Redis Cluster, where each queue has its own.",
            valueName: "name"
        )
    )
    var queue: String?

    func reader(_ pond: Pond) throws -> LimitReader {
        LimitReader(pond, of: try queue.map { try pond.queue($0) })
    }
}

extension LimitName {
    /// For `@Argument(transform: LimitName.argument)`: the name that somebody sets, `tenant:{tenant}` for `tenant:*`.
    static func argument(_ text: String) throws -> LimitName {
        do throws(PondError) {
            return try LimitName(defined: text)
        } catch {
            throw ValidationError(SafeText.escaped(error.message))
        }
    }
}

extension LimitSpec {
    /// For `@Argument(transform: LimitSpec.argument)`.
    static func argument(_ text: String) throws -> LimitSpec {
        do throws(PondError) {
            return try LimitSpec(text)
        } catch {
            throw ValidationError(SafeText.escaped(error.message))
        }
    }
}

/// Says that nobody has set a limit, and names those that there are.
enum LimitMissing {
    private static let namedMax = 10

    static func failure(_ name: String, _ reader: LimitReader) async throws -> CommandFailure {
        let known = try await reader.names()
        let shown = known.prefix(namedMax).joined(separator: ", ")
        let rest = known.count > namedMax ? " and \(known.count - namedMax) more" : ""
        return CommandFailure(
            .notFound,
            "nobody has set a limit \(SafeText.escaped(name)), so it limits nothing",
            hint: known.isEmpty
                ? "`pond limit set NAME '60/m burst 10'` sets the first one"
                : SafeText.escaped("set are \(shown)\(rest)")
        )
    }
}
