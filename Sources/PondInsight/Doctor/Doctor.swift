package import PondQueue
package import PondRedis
package import PondSQLite

/// Checks the server and every queue, and says what to do; nothing is changed.
package struct Doctor: Sendable {
    /// An error as a person is told of it.
    package struct Explanation: Sendable, Hashable {
        /// What failed and why, in one line.
        package var message: String
        /// What to do about it.
        package var hint: String?
        /// Whether this user may not do it, which says nothing about the queue.
        package var isRefused: Bool

        /// What to tell a person.
        package init(message: String, hint: String?, isRefused: Bool) {
            (self.message, self.hint, self.isRefused) = (message, hint, isRefused)
        }
    }

    /// Says what an error means; every program has its own exit codes and hints.
    package typealias Explain = @Sendable (any Error) -> Explanation

    let pond: Pond
    let configuration: RedisConfiguration
    let explain: Explain

    /// A doctor for a deployment.
    package init(_ pond: Pond, _ configuration: RedisConfiguration, explain: @escaping Explain) {
        (self.pond, self.configuration, self.explain) = (pond, configuration, explain)
    }

    /// Reads how a history stands, and says which file that is and what this server is called in one.
    package typealias ReadHistory = () async throws -> (status: HistoryStatus, file: String, server: String)

    /// Makes all checks.
    ///
    /// - Throws: `RedisError` when the server cannot be reached at all: then there is nothing to check.
    package func report() async throws -> DoctorReport { DoctorReport(try await findings()) }

    /// The same with what a deployment needs that others rely on: the list of docs/production.md.
    ///
    /// - Parameter history: tells how the history stands.
    package func productionReport(history: ReadHistory) async throws -> DoctorReport {
        let more = await DoctorProduction(doctor: self).findings(history: history)
        return DoctorReport((try await findings() + more).map { $0.inProduction })
    }

    private func budgetFindings() async -> [DoctorFinding] {
        do {
            return try await DoctorBudgets(pond).findings()
        } catch {
            let found = explain(error)
            return [.unchecked("budgets", "the budgets could not be looked at: \(found.message)", advice: found.hint)]
        }
    }

    private func findings() async throws -> [DoctorFinding] {
        let server = try await DoctorServer(pond, address: "\(configuration)").findings()
        let library = await DoctorLibrary.finding(pond)
        let queues = await DoctorQueues(self).findings(isLibraryUsable: library.isUsable)
        let budgets = library.isUsable ? await budgetFindings() : []
        return server + [library.finding] + queues + budgets
    }
}

extension DoctorFinding {
    /// In production what may lose jobs is no matter of taste.
    fileprivate var inProduction: DoctorFinding {
        guard level == .warning, ["persistence", "eviction"].contains(check) else { return self }
        return .failure(check, text, advice: advice ?? "")
    }
}
