package import ArgumentParser
package import Logging
import Metrics
package import PondTelemetry

/// Whether and where a process tells what it has counted.
package struct MetricsOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            """
            Serve metrics for Prometheus on this port, at /metrics, and the probes /healthz and /readyz; 0 takes a free one, \
            and the log says which.
            """,
            valueName: "port"
        )
    )
    package var metricsPort: Int?

    @Option(
        help: ArgumentHelp(
            "The address on which they are served. Defaults to 127.0.0.1, which only this machine reaches.",
            valueName: "address"
        )
    )
    package var metricsHost: String?

    package init() {}

    /// Refuses ports that there are not, and a host that means nothing.
    package func validate() throws {
        if let metricsPort, !(0...65_535).contains(metricsPort) {
            throw ValidationError("--metrics-port is \(metricsPort), allowed is 0 to 65535")
        }
        if metricsHost != nil, metricsPort == nil {
            throw ValidationError("--metrics-host means nothing without --metrics-port")
        }
    }

    /// Sets the metrics of this process up, when a port was asked for; before anything is made that counts.
    ///
    /// - Parameter version: the program's, empty when it has none.
    /// - Returns: what is counted into; nil when nothing is to be.
    package func start(version: String) -> PrometheusRegistry? {
        guard metricsPort != nil else { return nil }
        let registry = PrometheusRegistry()
        MetricsSystem.bootstrap(registry)
        Metric.buildInfo.gauge(version).set(1)
        return registry
    }

    /// Sets the metrics of a worker up whose supervisor wants to know them, unless somebody has set others up.
    ///
    /// - Parameter address: as the supervisor says it, in ``WorkerEnvironment/metrics``.
    /// - Returns: who tells the supervisor; nil when it cannot be told.
    static func startReporting(to address: String, _ logger: Logger) -> CountsReporter? {
        guard !Metric.isAnybodyListening else { return nil }
        let registry = PrometheusRegistry()
        guard let reporter = CountsReporter(registry, address: address) else {
            logger.notice("the supervisor is not told what this worker counts: it may not open the supervisor's pipe")
            return nil
        }
        MetricsSystem.bootstrap(registry)
        return reporter
    }

    /// Runs `body` with the server beside it, when there is something to serve.
    ///
    /// - Parameters:
    ///   - health: what the probes are told.
    ///   - look: brings up to date what is not counted as it happens, before each answer. Defaults to nothing.
    /// - Throws: `CommandFailure` when the address cannot be had, and what `body` throws.
    package func serving(
        _ registry: PrometheusRegistry?,
        _ logger: Logger,
        health: Health,
        _ look: @escaping @Sendable () async -> Void = {},
        _ body: () async throws -> Void
    ) async throws {
        guard let registry, let metricsPort else { return try await body() }
        let server = MetricsServer(health: health) {
            await look()
            return registry.text()
        }
        try await server.serving(on: metricsHost ?? "127.0.0.1", port: metricsPort) { address in
            logger.notice("metrics are served", metadata: ["address": "http://\(address)/metrics"])
            try await body()
        }
    }
}
