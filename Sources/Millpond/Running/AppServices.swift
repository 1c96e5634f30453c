package import Logging
package import PondQueue
package import PondWorker
package import ServiceLifecycle

/// What a worker process runs: the handlers, and the services that they need beside them.
package struct AppParts: Sendable {
    let jobs: JobList
    let services: @Sendable (Pond) throws -> [any Service]

    /// - Parameter services: made with the worker's own connection. Defaults to none.
    package init(
        jobs: JobList,
        services: @escaping @Sendable (Pond) throws -> [any Service] = { _ in [] }
    ) {
        self.jobs = jobs
        self.services = services
    }
}

/// Services of an application, from before the worker's first job until after its last.
package enum AppServices {
    /// Runs the services while `body` runs, and stops them when it has ended.
    ///
    /// A service that returns is done; one that throws ends everything.
    /// - Parameter onFailure: called when a service has thrown; has to let `body` return soon.
    /// - Throws: what a service threw, else what `body` throws.
    package static func run(
        _ services: [any Service],
        _ logger: Logger,
        onFailure: @escaping @Sendable () -> Void,
        beside body: () async throws -> Void
    ) async throws {
        guard !services.isEmpty else { return try await body() }
        let group = ServiceGroup(
            configuration: .init(
                services: services.map {
                    .init(service: $0, successTerminationBehavior: .ignore, failureTerminationBehavior: .cancelGroup)
                },
                logger: logger
            )
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                do { try await group.run() } catch {
                    logger.error("a service of the application failed", metadata: ["error": "\(error)"])
                    onFailure()
                    throw error
                }
            }
            let result: Result<Void, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            try result.get()
        }
    }
}
