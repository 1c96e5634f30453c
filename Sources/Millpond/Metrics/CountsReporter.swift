import Glibc
import PondCore
package import PondTelemetry
import Synchronization

/// A worker's part: tells its supervisor what it has counted, once a second.
///
/// What does not fit into the pipe is told later, and what a worker had not told when it was killed is lost: a second of it.
package final class CountsReporter: Sendable {
    private let registry: PrometheusRegistry
    private let writer: CountsWriter
    private let clock: LocalClock
    private let told = Mutex(MetricDeltas())
    private static let interval = Duration.seconds(1)
    /// Gauges that mean something in sum.
    package static let gauges: Set<Metric> = [.workerSlots, .workerBusySlots, .workerBraked]

    /// - Parameters:
    ///   - address: as ``CountsPipe/address`` says it.
    /// - Returns: nil when there is no such pipe.
    package init?(_ registry: PrometheusRegistry, address: String, clock: LocalClock = .system) {
        guard let writer = CountsWriter(address: address) else { return nil }
        self.registry = registry
        self.writer = writer
        self.clock = clock
    }

    /// Runs `body` and tells meanwhile, and once more at its end.
    package func reporting(_ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.run() }
            defer {
                group.cancelAll()
                tell()
            }
            try await body()
        }
    }

    private func run() async throws {
        while !Task.isCancelled {
            // Cancellation ends the loop at its head.
            try? await clock.sleep(Self.interval)
            tell()
        }
    }

    /// Tells what changed since the last time.
    package func tell() {
        told.withLock { told in
            var (part, bytes): ([MetricDelta], [UInt8]) = ([], [])
            func send() -> Bool {
                guard !part.isEmpty else { return true }
                guard writer.write(bytes) else { return false }
                told.tell(part)
                (part, bytes) = ([], [])
                return true
            }
            for delta in told.news(registry.ownTotals(gauges: Self.gauges)) {
                let line = Array("\(getpid())\t\(delta.text)\n".utf8)
                // Label values are cut at 256 bytes, so that none of our lines comes near.
                guard line.count <= CountsWriter.writeBytesMax else { continue }
                if bytes.count + line.count > CountsWriter.writeBytesMax, !send() { return }
                part.append(delta)
                bytes += line
            }
            _ = send()
        }
    }
}
