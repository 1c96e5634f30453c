import PondCore
import PondSaga
import PondTelemetry

extension FetchedJob {
    /// Two clocks of one millisecond may differ by that.
    private static let wakeTolerance = Duration.milliseconds(5)

    /// Counts how late a saga runs again that a time has woken; nothing where nobody listens.
    func countTimer(of record: SagaRecord) {
        guard let metrics = served.metrics, let ready = readySince, let now = served.serverClock.now else { return }
        let dues = record.steps.compactMap { step -> ServerTime? in
            guard let due = step.due, let ended = step.ended, ended >= due else { return nil }
            return ended >= ready.advanced(by: .zero - Self.wakeTolerance) ? due : nil
        }
        if let due = dues.min() { metrics.sagas.woke(late: now.since(due)) }
    }
}
