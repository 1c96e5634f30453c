import Millpond
import PondInsight
import PondSQLite

/// The history beside the fleet of `pond up`: whatever is wrong with it, the fleet runs on.
struct UpHistory: Sendable {
    /// The file.
    let path: String
    private let redis: RedisOptions
    private let server: String?
    private let logger = Logger(label: "history")

    /// Beside a private Redis' data, which the file cannot be mistaken about.
    init(directory: String, _ redis: RedisOptions) {
        path = "\(directory)/history.sqlite"
        self.redis = redis
        server = nil
    }

    /// Where `pond history` looks for it.
    ///
    /// - Throws: `CommandFailure`, when nothing says where that is.
    init(file: HistoryFile, _ redis: RedisOptions) throws {
        path = try file.writablePath()
        self.redis = redis
        server = try redis.serverText()
    }

    /// Follows the journals while `body` runs.
    func follow(beside body: () async throws -> Void) async throws {
        let store = HistoryStore(path: path)
        let pond = try redis.makePond(logger: logger)
        var options = HistoryFollower.Options()
        options.server = server
        let follower = HistoryFollower(store, of: pond, options, logger: logger)
        let result = await withTaskGroup(of: Void.self) { group in
            group.addTask { await run(follower) }
            let result: Result<Void, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            follower.stop()
            if case .failure = result { group.cancelAll() }
            await group.waitForAll()
            return result
        }
        await pond.close()
        do { try await store.close() } catch {
            logger.warning("the history was not closed", metadata: ["error": "\(error)"])
        }
        try result.get()
    }

    private func run(_ follower: HistoryFollower) async {
        do {
            try await follower.run()
        } catch is CancellationError {
            // The fleet has ended in haste.
        } catch {
            logger.error("no history is kept; the fleet runs on", metadata: ["error": "\(error)"])
        }
    }
}
