import Logging
import PondTelemetry

/// The middleware of a queue's jobs, the program's and our own, the outermost first.
///
/// It is wound around each handler when the worker is made: a worker without any runs its handlers as they are.
final class MiddlewareChain: Sendable {
    /// The outermost first.
    let all: [any JobMiddleware]
    private let log: LogMiddleware

    init(of worker: WorkerParts, metrics: WorkerMetrics?) {
        let tracing = worker.tracer.map { TracingMiddleware(tracer: $0) as any JobMiddleware }
        let counting = metrics.map { MetricsMiddleware(metrics: $0) as any JobMiddleware }
        all = [tracing, counting].compactMap(\.self) + worker.configuration.middleware
        log = LogMiddleware(isDebugging: worker.logger.logLevel <= .debug)
    }

    /// A program's alone.
    init(_ middleware: [any JobMiddleware]) {
        all = middleware
        log = LogMiddleware(isDebugging: false)
    }

    var isEmpty: Bool { all.isEmpty }

    /// A handler inside of all middleware.
    func around(_ run: @escaping JobRegistration.Run) -> JobRegistration.Run {
        var inside = run
        // A loop and no `reduce`, which would wrap each of them once more.
        for middleware in all.reversed() {
            let next = inside
            inside = { job in try await middleware.perform(job) { try await next(job) } }
        }
        return inside
    }

    /// Tells of an end, from the inside outwards.
    func ended(_ job: JobContext, _ end: @autoclosure () -> JobEnd, isDone: Bool) {
        // Nearly all jobs end well, and nearly nobody wants to read of each.
        if isDone, all.isEmpty, !log.isDebugging { return }
        let end = end()
        log.ended(job, end)
        for middleware in all.reversed() { middleware.ended(job, end) }
    }
}
