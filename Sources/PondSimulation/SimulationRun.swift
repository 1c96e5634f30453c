import Glibc
import PondScaling

/// One run: a queue served first in, first out, by workers that a law starts and takes away.
///
/// Jobs that fail come back with a growing delay, five times; a worker that dies gives its jobs back after ten seconds,
/// as a lapsed lease does. Workers that are told to go finish what they run, whatever the law.
struct SimulationRun {
    struct Job {
        var since: Double
        var kind: LoadShape.Kind
        var attempt = 0
        var service: Double?
    }

    private enum Event {
        case ready(worker: Int)
        case end(flight: Int, serial: Int)
        case back(Job)
    }

    /// A job in a slot.
    private struct Flight {
        var worker = 0
        var serial = 0
        var job = Job(since: 0, kind: .good)
    }

    let shape: LoadShape
    var law: any ScalingLaw
    var pool: SimulatedPool
    var recorder: SimulationRecorder
    private(set) var view = QueueView()
    private var random: SeededGenerator
    private var events = EventHeap<Event>()
    /// Ends of jobs in the time that passes while they share a downstream; empty for other shapes.
    private var shared = EventHeap<Event>()
    private var sharedTime = 0.0
    private var flights: [Flight] = []
    private var freeFlights: [Int] = []
    private var serial = 0
    /// Workers that died since the last tick.
    private var deaths = 0
    private var waiting: [Job] = []
    private var head = 0
    private let arrivals: [LoadShape.Arrival]
    private var nextArrival = 0
    private let sharesDownstream: Bool

    private static let leaseSeconds = 10.0
    private static let attemptsMax = 5
    private static let deathsMax = 2

    init(_ shape: LoadShape, _ law: any ScalingLaw, seed: UInt64, spawnSeconds: Double) {
        self.shape = shape
        self.law = law
        pool = SimulatedPool(slots: shape.slots)
        recorder = SimulationRecorder(shape)
        random = SeededGenerator(seed: seed)
        arrivals = shape.arrivals(&random)
        sharesDownstream = shape.trouble?.capacity != nil
        view.spawnSeconds = spawnSeconds
        for _ in 0..<shape.workersMin { pool.becomeReady(pool.spawn()) }
    }

    /// Runs to the end of the shape.
    mutating func outcome() -> Simulation.Outcome {
        var tick = 0.0
        var sample = 0.0
        while true {
            let arrival = nextArrival < arrivals.count ? arrivals[nextArrival].time : Double.infinity
            let event = events.nextTime ?? .infinity
            let sharedEnd = nextSharedEnd
            let next = min(min(arrival, event), min(tick, sharedEnd))
            guard next <= shape.duration else { break }
            advance(to: next)
            if next == sharedEnd {
                if let (_, event) = shared.removeNext() { play(event) }
            } else if next == arrival {
                arrive()
            } else if next == event {
                if let (_, event) = events.removeNext() { play(event) }
            } else {
                decide()
                tick += law.period
            }
            dispatch()
            if next >= sample {
                recorder.sample(view, waitingNow, age, pool.live.count)
                sample += recorder.interval
            }
        }
        advance(to: shape.duration)
        let leftLate = waiting[head...].count { shape.duration - $0.since > shape.waitTarget }
        return recorder.outcome(self, left: waitingNow, leftLate: leftLate, age: age)
    }

    // MARK: Time

    private mutating func advance(to time: Double) {
        let passed = time - view.time
        if sharesDownstream, view.inFlight > 0 { sharedTime += passed * sharedSpeed }
        view.busySeconds += Double(view.inFlight) * passed
        recorder.workerSeconds += Double(pool.present) * passed
        view.time = time
    }

    private var nextSharedEnd: Double {
        guard let end = shared.nextTime else { return .infinity }
        return view.time + max(0, end - sharedTime) / sharedSpeed
    }

    /// How fast jobs that share the downstream run now, 1 for full speed.
    private var sharedSpeed: Double {
        guard let trouble = shape.trouble, let capacity = trouble.capacity, view.time >= trouble.from,
            view.time < trouble.to
        else { return 1 }
        return min(1, capacity / Double(max(1, view.inFlight)))
    }

    private var waitingNow: Int { waiting.count - head }

    private var age: Double { head < waiting.count ? view.time - waiting[head].since : 0 }

    // MARK: Jobs

    private mutating func arrive() {
        let arrival = arrivals[nextArrival]
        nextArrival += 1
        view.arrivals += 1
        waiting.append(Job(since: arrival.time, kind: arrival.kind, service: arrival.service))
    }

    private mutating func dispatch() {
        while head < waiting.count, pool.mayHaveSlot {
            guard let worker = pool.takeSlot(&random) else { continue }
            let job = waiting[head]
            head += 1
            recorder.start(wait: view.time - job.since)
            start(job, on: worker)
        }
        // What has been served is forgotten now and then, not at every job.
        if head > 4_096, head * 2 > waiting.count {
            waiting.removeFirst(head)
            head = 0
        }
    }

    private mutating func start(_ job: Job, on worker: Int) {
        view.inFlight += 1
        serial += 1
        let flight = Flight(worker: worker, serial: serial, job: job)
        let index: Int
        if let free = freeFlights.popLast() {
            index = free
            flights[index] = flight
        } else {
            index = flights.count
            flights.append(flight)
        }
        let seconds = serviceTime(of: job)
        let end = Event.end(flight: index, serial: serial)
        if sharesDownstream {
            shared.add(end, at: sharedTime + seconds)
        } else {
            events.add(end, at: view.time + seconds)
        }
    }

    private mutating func serviceTime(of job: Job) -> Double {
        if job.kind != .good { return 0.2 }
        var seconds = job.service ?? random.logNormal(mean: shape.serviceTime)
        if let trouble = shape.trouble, view.time >= trouble.from, view.time < trouble.to { seconds *= trouble.factor }
        return seconds
    }

    private mutating func play(_ event: Event) {
        switch event {
        case .ready(let worker):
            pool.becomeReady(worker)
            view.ready = pool.ready
        case .back(let job):
            view.arrivals += 1
            waiting.append(job)
        case .end(let index, let serial):
            // A flight of a worker that died has another serial by now.
            if flights[index].serial == serial { end(index) }
        }
    }

    private mutating func end(_ index: Int) {
        let (worker, job) = (flights[index].worker, flights[index].job)
        land(index)
        view.completions += 1
        switch job.kind {
        case .good:
            view.successes += 1
            pool.giveBack(worker)
        case .poison:
            pool.giveBack(worker)
            let delay = min(60, pow(2, Double(job.attempt)))
            if job.attempt < SimulationRun.attemptsMax { comeBack(job, after: delay, attempt: job.attempt + 1) }
        case .killer:
            pool.die(worker)
            deaths += 1
            if job.attempt < SimulationRun.deathsMax {
                comeBack(job, after: SimulationRun.leaseSeconds, attempt: job.attempt + 1)
            }
            for other in flights.indices where flights[other].serial != 0 && flights[other].worker == worker {
                comeBack(flights[other].job, after: SimulationRun.leaseSeconds, attempt: flights[other].job.attempt)
                land(other)
            }
        }
    }

    private mutating func land(_ index: Int) {
        flights[index].serial = 0
        freeFlights.append(index)
        view.inFlight -= 1
    }

    private mutating func comeBack(_ job: Job, after seconds: Double, attempt: Int) {
        let time = view.time + seconds
        events.add(.back(Job(since: time, kind: job.kind, attempt: attempt, service: job.service)), at: time)
    }

    // MARK: Workers

    private mutating func decide() {
        view.waiting = waitingNow
        view.oldestWait = age
        view.workers = pool.live.count
        view.ready = pool.ready
        view.draining = pool.draining
        guard let answer = law.decide(view) else { return }
        let goal = max(shape.workersMin, min(shape.workersMax, answer.workers))
        let before = pool.live.count
        let started = max(0, min(goal - before, answer.spawnsMax))
        for _ in 0..<started {
            let seconds = view.spawnSeconds * (0.8 + 0.4 * random.unit())
            events.add(.ready(worker: pool.spawn()), at: view.time + seconds)
        }
        for _ in 0..<max(0, before - goal) { pool.drain(choosesIdle: answer.choosesIdle, &random) }
        // A worker in the place of one that died is no change of size.
        let change = pool.live.count - before
        recorder.act(change - max(0, min(change, deaths)), at: view.time, answer)
        deaths = 0
    }
}
