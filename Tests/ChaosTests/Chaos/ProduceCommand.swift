import ArgumentParser
import ChaosKit
import FoundationEssentials
import Logging
import Millpond

/// A producer: makes jobs at a rate, and writes down what it was told of each.
struct ProduceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "produce", abstract: "Enqueue the workload.")

    @Option var number = 0

    func run() async throws {
        LogLines.start(.error)
        let place = try Place.current()
        let producer = Producer(number, try place.settings(), try OwnHistory.recorder("produce\(number)"))
        let url = Place.environment("MILLPOND_REDIS_URL") ?? RedisOptions.defaultURL
        let pond = Pond(try RedisConfiguration(url: url), logger: Logger(label: "produce"))
        let logger = Logger(label: "produce")
        _ = try await withStopSignals(hangUp: .stops, logger) { stopSwitch in
            stopSwitch.attach(.init(stop: {}, stopNow: {}))
            try await producer.run(on: try pond.queue(ChaosApp.queue), stopSwitch)
        }
        await pond.close()
    }
}

/// Makes and enqueues jobs until it is told to stop.
struct Producer: Sendable {
    private let number: Int
    private let settings: RunSettings
    private let recorder: Recorder
    private let clock = LocalClock.system

    private static let tick = Duration.milliseconds(50)

    init(_ number: Int, _ settings: RunSettings, _ recorder: Recorder) {
        self.number = number
        self.settings = settings
        self.recorder = recorder
    }

    func run(on queue: Queue, _ stopSwitch: StopSwitch) async throws {
        var workload = Workload(settings, producer: number)
        let began = clock.now()
        var made = 0.0
        var looks = 0
        while !stopSwitch.isStopping {
            let elapsed = began.duration(to: clock.now()).inSeconds
            let wanted = elapsed * settings.rate / Double(settings.producers)
            // After an outage the missed work is not made up at once.
            let count = min(Int(wanted - made), 100)
            made = wanted - (wanted - made - Double(count)).truncatingRemainder(dividingBy: 1)
            if count > 0 { await enqueue(workload.jobs(count, elapsed: elapsed), on: queue) }
            looks += 1
            if looks.isMultiple(of: 10) { try await waitWhileFull(queue, stopSwitch) }
            try await clock.sleep(Producer.tick)
        }
    }

    private func waitWhileFull(_ queue: Queue, _ stopSwitch: StopSwitch) async throws {
        // Who cannot ask goes on: an outage is not a full queue.
        while !stopSwitch.isStopping, let depth = try? await queue.depth(), depth.ready > settings.readyMax {
            try await clock.sleep(.milliseconds(200))
        }
    }

    private func enqueue(_ jobs: [WorkloadJob], on queue: Queue) async {
        for job in jobs {
            recorder.note(.enqueueInvoke) { event in
                (event.job, event.type, event.key, event.sha) = (job.name, job.type.rawValue, job.key, job.sha)
                event.attempt = JobType.attemptsMax
            }
        }
        do {
            let answers = try await queue.enqueue(jobs.map(\.job))
            for (job, answer) in zip(jobs, answers) {
                switch answer {
                case .success(let answer): note(answer, of: job)
                case .failure(let error): note(error, of: job)
                }
            }
            for (job, answer) in zip(jobs, answers) where job.isToBeCancelled {
                // Cancelled or not, its end is in the journal.
                if let id = try? answer.get().id { _ = try? await queue.cancel(id) }
            }
        } catch {
            for job in jobs { note(error, of: job) }
        }
    }

    private func note(_ answer: EnqueueAnswer, of job: WorkloadJob) {
        if case .enqueued(let id) = answer {
            recorder.note(.enqueueOK) { ($0.job, $0.id) = (job.name, id.text) }
        } else if case .held(let id, let due) = answer {
            recorder.note(.enqueueOK) { ($0.job, $0.id, $0.due) = (job.name, id.text, due.milliseconds) }
        } else {
            recorder.note(.enqueueDuplicate) { ($0.job, $0.id) = (job.name, answer.id.text) }
        }
    }

    private func note(_ error: any Error, of job: WorkloadJob) {
        let isUnknown = (error as? QueueError)?.outcomeUnknown ?? true
        recorder.note(isUnknown ? .enqueueInfo : .enqueueFail) { ($0.job, $0.text) = (job.name, "\(error)") }
    }
}
