import CoreMetrics
public import Logging
public import PondCore
import Synchronization

/// How a collector took a batch.
public enum OTLPAnswer: Sendable, Hashable {
    /// It has the spans.
    case taken
    /// It cannot take them now; later perhaps.
    case unavailable(String)
    /// It never will.
    case refused(String)

    /// What an HTTP status says, by OTLP: 429, 502, 503 and 504 ask for another try.
    public init(status: Int) {
        switch status {
        case 200..<300: self = .taken
        case 429, 502, 503, 504: self = .unavailable("HTTP status \(status)")
        default: self = .refused("HTTP status \(status)")
        }
    }
}

/// Gathers spans and posts them in batches; when the collector is away or too slow, spans are dropped and counted, and the
/// program does not notice.
public final class OTLPExporter: Sendable {
    /// How much is kept, and how often it leaves.
    public struct Limits: Sendable, Hashable {
        /// Spans that may wait.
        ///
        /// Defaults to 2,048.
        public var queueMax = 2_048
        /// Spans in one request.
        ///
        /// Defaults to 512.
        public var batchMax = 512
        /// The longest that a span waits for its batch.
        ///
        /// Defaults to 2 seconds.
        public var interval = Duration.seconds(2)
        /// How often a batch is tried again that the collector could not take.
        ///
        /// Defaults to 3 times.
        public var retriesMax = 3
        /// How long the last spans may take when the program ends.
        ///
        /// Defaults to 3 seconds.
        public var flushTime = Duration.seconds(3)

        public init() {}
    }

    private struct State {
        var waiting: [OTLPSpan.Record] = []
        var isEnding = false
        var dropped = 0
        var exported = 0

        /// Puts a batch back when its sending was cancelled, and somebody will look again.
        mutating func putBack(_ batch: [OTLPSpan.Record]) -> Bool {
            guard Task.isCancelled, !isEnding else { return false }
            waiting.insert(contentsOf: batch, at: 0)
            return true
        }
    }

    private let resource: OTLPResource
    private let limits: Limits
    private let clock: LocalClock
    private let logger: Logger
    private let send: @Sendable ([UInt8]) async -> OTLPAnswer
    private let state = Mutex(State())
    private let signal = WakeSignal()
    /// Made anew each time, once a batch: an exporter is there before a program's command has set its metrics up.
    private var exportedCounter: Counter { Metric.spansExported.counter() }
    private var droppedCounter: Counter { Metric.spansDropped.counter() }
    private static let pause = Backoff(base: .milliseconds(500), cap: .seconds(5), jitter: 0.2)

    /// - Parameter send: posts a request of the media type `application/json` to the collector's `/v1/traces`.
    public init(
        resource: OTLPResource,
        limits: Limits = Limits(),
        clock: LocalClock = .system,
        logger: Logger = Logger(label: "traces"),
        send: @escaping @Sendable ([UInt8]) async -> OTLPAnswer
    ) {
        self.resource = resource
        self.limits = limits
        self.clock = clock
        self.logger = logger
        self.send = send
    }

    /// Spans that nobody will see.
    public var dropped: Int { state.withLock { $0.dropped } }
    /// Spans that the collector has.
    public var exported: Int { state.withLock { $0.exported } }

    func add(_ span: OTLPSpan.Record) {
        let (isFull, isBatch) = state.withLock { state -> (Bool, Bool) in
            guard state.waiting.count < limits.queueMax, !state.isEnding else {
                state.dropped += 1
                return (true, false)
            }
            state.waiting.append(span)
            return (false, state.waiting.count == limits.batchMax)
        }
        if isFull { droppedCounter.increment() }
        if isBatch { signal.ring() }
    }

    /// Exports until the task is cancelled; what waits then is ``flush()``'s.
    public func run() async {
        while !Task.isCancelled {
            await signal.wait(atMost: limits.interval, clock)
            while !Task.isCancelled, let batch = takeBatch() { await export(batch) }
        }
    }

    /// Takes no more spans, and sends what waits, within the limit for that.
    ///
    /// To be called after ``run()`` has ended.
    public func flush() async {
        state.withLock { $0.isEnding = true }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { while !Task.isCancelled, let batch = self.takeBatch() { await self.export(batch) } }
            group.addTask {
                // Cancelled when the sending was quicker.
                try? await self.clock.sleep(self.limits.flushTime)
            }
            await group.next()
            group.cancelAll()
        }
        drop(state.withLock { $0.waiting.count }, "the program ends")
    }

    private func takeBatch() -> [OTLPSpan.Record]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else { return nil }
            let batch = Array(state.waiting.prefix(limits.batchMax))
            state.waiting.removeFirst(batch.count)
            return batch
        }
    }

    private func export(_ batch: [OTLPSpan.Record]) async {
        let request = OTLPJSON.request(batch, of: resource)
        var failures = 0
        while true {
            switch await send(request) {
            case .taken:
                state.withLock { $0.exported += batch.count }
                return exportedCounter.increment(by: batch.count)
            case .refused(let text): return drop(batch.count, text)
            case .unavailable(let text):
                failures += 1
                // Cut off by the end of the program: the last flush sends it again.
                if state.withLock({ $0.putBack(batch) }) { return }
                guard failures <= limits.retriesMax, !Task.isCancelled else { return drop(batch.count, text) }
                // Cancelled, it is tried once more, and at once.
                try? await clock.sleep(Self.pause.delay(afterFailures: failures))
            }
        }
    }

    private func drop(_ count: Int, _ why: String) {
        guard count > 0 else { return }
        state.withLock { $0.dropped += count }
        droppedCounter.increment(by: count)
        logger.warning(
            "spans are dropped: the collector does not take them",
            metadata: ["spans": "\(count)", "error": "\(why)"]
        )
    }
}
