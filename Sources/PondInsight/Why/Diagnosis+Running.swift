// What is judged of a job that a worker has.

import PondCore
import PondQueue
import PondSQLite

extension JobSnapshot {
    var running: Diagnosis {
        let owner = situation.report.owner?.name ?? "a worker"
        let silence = situation.ownerBeat.map { situation.now.since($0) }
        let elapsed = situation.report.since.map { situation.now.since($0) } ?? .zero
        guard let silence, silence <= lease else { return leaseExpired(owner, silence) }
        if silence > lease / 2 { return silent(owner, silence, elapsed) }
        return Diagnosis(
            .running,
            "\(owner) has had it for \(elapsed.human)\(usual)\(progressText)",
            next: whenItEnds(elapsed),
            do: [.cancel(address), .workers(queue)]
        )
    }

    /// What its worker says of it.
    private var told: WorkerAbout.Running? { owner?.jobs?.first { $0.id == address } }

    /// How long its kind takes, where the history knows.
    private var usual: String {
        guard let runTimes else { return "" }
        return "; of its kind half take \(runTimes.p50.human), 95% at most \(runTimes.p95.human)"
    }

    /// What its handler said last: the worker's own word is newer than what the history was told.
    private var progressText: String {
        let said = told.map { ($0.progress, $0.note) }
        let kept = jobHistory?.events.last { $0.what == .progress }
            .map { event in (event.words.first.flatMap { Double($0) }, event.text) }
        guard let (fraction, note) = said ?? kept else { return "" }
        // A fraction from outside may be any number.
        let percent = fraction.flatMap { (0...1).contains($0) ? "\(Int($0 * 100))%" : nil }
        let words = [percent, note].compactMap { $0 }.joined(separator: ", ")
        return words.isEmpty ? "" : "; it last said: \(firstLine(of: words))"
    }

    private func whenItEnds(_ elapsed: Duration) -> String {
        if situation.isCancelling { return "its worker hears within a second that it is cancelled, and stops it" }
        guard let limit = (told?.limitMilliseconds ?? number(.timeout)).map({ Duration.milliseconds($0) }) else {
            return "it ends, or its try is cut off at its kind's timeout (60s unless its worker says otherwise)"
        }
        let left = limit - elapsed
        return left > .zero
            ? "it ends, or its try is cut off in \(left.human)" : "its try is cut off now, at its timeout"
    }

    private func silent(_ owner: String, _ silence: Duration, _ elapsed: Duration) -> Diagnosis {
        let left = lease - silence
        return Diagnosis(
            .runningSilent,
            "\(owner) has had it for \(elapsed.human) and has sent no heartbeat for \(silence.human)",
            next: "unless it sends one, another worker takes the job over in \(left.human)",
            do: [.workers(queue)]
        )
    }

    private func leaseExpired(_ owner: String, _ silence: Duration?) -> Diagnosis {
        let time = silence.map { "has sent no heartbeat for \($0.human)" } ?? "has never sent a heartbeat"
        let next: String
        if workerCount == 0 {
            next = "nobody is there to take it over: it runs again when a worker of \(queue) begins"
        } else if let from = situation.reclaimFrom, from > situation.now {
            next = "redis itself was away, so nobody is declared lost for another \(from.since(situation.now).human)"
        } else {
            next = "another worker takes it over within a second or two, and counts one recovery"
        }
        return Diagnosis(
            .leaseExpired,
            "\(owner) had it and \(time)",
            next: next,
            do: [.workers(queue), .doctor]
        )
    }
}
