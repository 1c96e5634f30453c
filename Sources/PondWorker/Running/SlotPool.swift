import Glibc
import PondCore
import Synchronization

/// The slots: each a long-lived task that takes a job, runs it, and takes the next.
///
/// The tasks are unstructured on purpose. A job whose time is up is cancelled by cancelling its slot's task, from the
/// event loop, whatever the thread pool does; a child task offers no handle for that. The slot then ends with its job,
/// and a fresh one takes its place.
///
/// A slot takes jobs out of the intake; what happens with each is told in `JobRun`.
final class SlotPool: Sendable {
    private let worker: WorkerParts
    /// How long a slot goes on with short jobs before it lets other tasks have its thread.
    private static let turn = Duration.microseconds(400)
    /// After so many tiny jobs, of whatever slots, the event loop may have the processor.
    private static let jobsBetweenLoops = 32
    /// Jobs that slots are done with, ever.
    private let ended = Atomic(0)

    init(_ worker: WorkerParts) {
        self.worker = worker
    }

    func start() {
        for slot in 0..<worker.configuration.slots { open(slot) }
    }

    private func open(_ slot: Int) {
        worker.table.startTask(slot: slot) {
            // Unstructured for the reason above; the intake's closing ends it.
            Task {
                await work(slot)
                if Task.isCancelled && !worker.phase.isStopping { open(slot) }
            }
        }
    }

    nonisolated(nonsending) private func work(_ slot: Int) async {
        var began = worker.clock.now()
        while !Task.isCancelled, let fetched = await worker.intake.next() {
            await JobRun(fetched, slot: slot, worker).live()
            worker.intake.noteEnd()
            letLoopRun()
            // Handlers that never suspend must not keep the thread from those of other slots.
            if began.duration(to: worker.clock.now()) > Self.turn {
                await Task.yield()
                began = worker.clock.now()
            }
        }
    }

    /// Gives the processor away now and then while jobs are so short that they leave it to nobody.
    ///
    /// The kernel would let the event loop, which fetches and settles, wait for a whole time slice, and Redis would have
    /// nothing to do. Where jobs take longer, they wait for something, and the loop gets its time anyway.
    private func letLoopRun() {
        guard ended.wrappingAdd(1, ordering: .relaxed).newValue.isMultiple(of: Self.jobsBetweenLoops),
            worker.intake.areRunsTiny
        else { return }
        sched_yield()
    }
}
