import Logging
import PondCore
import PondQueue
import PondRedis

extension RedisOptions {
    /// How long the look takes at most; a server that is away is waited for elsewhere.
    private static let checkTime = Duration.seconds(1)

    /// Looks once, before a process that waits for Redis begins to wait, whether it will ever be let in.
    ///
    /// A server that cannot be reached passes: it may come. A wrong password, a certificate that is not trusted and a
    /// right that is missing do not go away by waiting, and a process that waits for them looks well while nothing is done.
    /// - Throws: `CommandFailure` for what does not go away.
    package func check() async throws {
        var configuration = try configuration()
        configuration.connectTimeout = min(configuration.connectTimeout, Self.checkTime)
        configuration.commandTimeout = min(configuration.commandTimeout, Self.checkTime)
        let pond = Pond(configuration, prefix: try resolvedPrefix(), logger: .quiet)
        var failure: QueueError?
        // Whether the library is there is another question: others may load it.
        do throws(QueueError) { _ = try await pond.libraryVersion() } catch { failure = error }
        await pond.close()
        guard let failure, failure.redis?.isLasting == true else { return }
        let told = CommandFailure(describing: failure)
        throw CommandFailure(told.exitCode, "Redis at \(configuration.address): \(told.message)", hint: told.hint)
    }
}

extension RedisError {
    /// Whether the server will answer the same way until somebody changes who may do what.
    package var isLasting: Bool {
        switch code {
        case .authentication, .tls: true
        default: ["NOAUTH", "WRONGPASS", "NOPERM", "DENIED"].contains(prefix) || isForbiddenInFunction
        }
    }
}
