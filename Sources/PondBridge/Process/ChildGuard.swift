import Glibc
import Logging
import PondCore
import Subprocess
import Synchronization
import SystemPackage

/// A shell that outlives this process by a moment: when its standard input ends without a good-bye, it kills the
/// handlers that are left, so that none goes on with a job that another worker has by then.
final class ChildGuard: Sendable {
    private let lines: AsyncStream<String>
    private let feed: AsyncStream<String>.Continuation
    private let task = Mutex<Task<Void, Never>?>(nil)
    private let logger: Logger

    /// The groups that live are kept in a list; those in sessions of their own bear the mark, `$0`.
    private static let script = """
        groups=
        while read -r word group; do
            case $word in
            add) groups="$groups $group" ;;
            end) exit 0 ;;
            *)
                kept=
                for one in $groups; do [ "$one" = "$group" ] || kept="$kept $one"; done
                groups=$kept
                ;;
            esac
        done
        for one in $groups; do kill -s KILL -- "-$one"; done 2>/dev/null
        for folder in /proc/[0-9]*; do
            grep -qszE "^\(Strays.variable)=$0-" "$folder/environ" && kill -s KILL "${folder#/proc/}"
        done 2>/dev/null
        """

    /// - Parameter mark: how the marks of all handlers of this process begin.
    init(mark: String, logger: Logger) {
        (lines, feed) = AsyncStream.makeStream(of: String.self)
        self.logger = logger
        // It lives as long as the process; its task ends with `end()`.
        task.withLock { $0 = Task { [self] in await run(mark) } }
    }

    func add(_ group: Int32) { feed.yield("add \(group)\n") }
    func remove(_ group: Int32) { feed.yield("remove \(group)\n") }

    /// Lets the shell go, once no handler is left.
    func end() async {
        feed.yield("end\n")
        feed.finish()
        await task.withLock(\.self)?.value
    }

    private func run(_ mark: String) async {
        var options = PlatformOptions()
        options.createSession = true
        let configuration = Configuration(
            executable: .path("/bin/sh"),
            arguments: Arguments(["-c", Self.script, mark]),
            platformOptions: options
        )
        do {
            guard SpareDescriptors.obstacle() == nil else { throw Errno.tooManyOpenFiles }
            _ = try await Subprocess.run(configuration, input: .inputWriter, output: .discarded, error: .discarded) {
                execution in
                for await line in lines { _ = try await execution.standardInputWriter.write(Array(line.utf8)) }
                try await execution.standardInputWriter.finish()
            }
        } catch {
            logger.warning(
                "nobody watches over the handlers: when this worker is killed, they may go on until they read again",
                metadata: ["error": "\(error)"]
            )
        }
    }
}
