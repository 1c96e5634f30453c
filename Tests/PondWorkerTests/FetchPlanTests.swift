import PondCore
import PondQueue
import PondWorker
import Testing

/// What a fetcher does next, without anybody to fetch from.
@Suite struct FetchPlanTests {
    private let start = LocalInstant.now

    private func begun() -> FetchPlan {
        var plan = FetchPlan(now: start)
        plan.heard(isPaused: false, isForgotten: false)
        return plan
    }

    private func next(_ plan: FetchPlan, hasRoom: Bool = true) -> FetchPlan.Action {
        plan.next(at: start, hasRoom: hasRoom)
    }

    private let all = Limits.slotsMax + Limits.prefetchMax

    @Test func `the first heartbeat comes before the first fetch`() {
        #expect(!FetchPlan(now: start).hasBegun)
        #expect(begun().hasBegun)
        #expect(next(begun()) == .fetch(atMost: all))
    }

    @Test func `it fetches while batches are full, and listens when one was not`() {
        var plan = begun()
        plan.fetched(.init(asked: 10, used: 10))
        #expect(next(plan) == .fetch(atMost: all))
        plan.fetched(.init(asked: 10, used: 9))
        #expect(next(plan) == .listen(ReadyStream.allCases))
        plan.listened(isEmpty: true, wakeUp: nil, hasNormalOnly: false)
        #expect(next(plan) == .listen(ReadyStream.allCases))
        plan.listened(isEmpty: false, wakeUp: nil, hasNormalOnly: true)
        #expect(next(plan) == .fetch(atMost: all))
    }

    @Test func `after full batches of normal jobs alone the next one is read beside the function, once`() {
        var plan = begun()
        plan.fetched(.init(asked: 10, used: 10, hasNormalOnly: true))
        #expect(plan.beginFetch() == .init(isNormalOnly: true))
        #expect(plan.beginFetch() == .init())
        plan.fetched(.init(asked: 10, used: 9, hasNormalOnly: true))
        #expect(plan.beginFetch() == .init())
    }

    @Test func `a read beside the function that failed may have brought jobs, so accounts are compared`() {
        var plan = begun()
        plan.fetchFailed(.init(isNormalOnly: true), asked: 10, isTooLarge: false)
        #expect(next(plan) == .compare)
        plan.beginCompare(at: start)
        #expect(next(plan) == .fetch(atMost: all))
        plan.fetchFailed(.init(), asked: 10, isTooLarge: false)
        #expect(next(plan) == .fetch(atMost: all))
    }

    @Test func `a wake-up is put away by the next fetch, and one that came from elsewhere does not replace it`() {
        var plan = begun()
        plan.fetched(.init(asked: 10, used: 0))
        plan.listened(isEmpty: true, wakeUp: "1-0", hasNormalOnly: false)
        #expect(next(plan) == .fetch(atMost: all))
        plan.compared(wakeUp: "2-0")
        #expect(plan.beginFetch().wakeUp == "1-0")
        plan.compared(wakeUp: "2-0")
        #expect(plan.beginFetch().wakeUp == "2-0")
        #expect(plan.beginFetch().wakeUp == nil)
    }

    @Test func `after a reply that was too large it asks for a quarter, and then for more and more`() {
        var plan = begun()
        plan.fetchFailed(.init(), asked: 100, isTooLarge: true)
        #expect(next(plan) == .fetch(atMost: 25))
        plan.fetched(.init(asked: 25, used: 25))
        #expect(next(plan) == .fetch(atMost: 50))
        for _ in 0..<4 { plan.fetchFailed(.init(), asked: 3, isTooLarge: true) }
        #expect(next(plan) == .fetch(atMost: 1))
    }

    @Test func `it rests while the queue is paused, while there is no room, and while nothing may be fetched`() {
        var plan = begun()
        #expect(next(plan, hasRoom: false) == .rest)
        #expect(plan.next(at: start, hasRoom: true, atMost: 0) == .rest)
        #expect(plan.next(at: start, hasRoom: true, atMost: 1) == .fetch(atMost: 1))
        plan.fetched(.init(asked: 10, used: 0, isPaused: true))
        #expect(next(plan) == .rest)
        plan.heard(isPaused: false, isForgotten: false)
        #expect(next(plan) == .listen(ReadyStream.allCases))
    }

    @Test func `a queue with limits is never read beside the function, until a fetch says that it has none`() {
        var plan = begun()
        plan.fetched(.init(asked: 10, used: 10, hasNormalOnly: true, limits: .known, limited: 10))
        #expect(plan.hasLimits)
        #expect(plan.beginFetch() == .init())
        plan.listened(isEmpty: false, wakeUp: nil, hasNormalOnly: true)
        #expect(plan.beginFetch() == .init())
        plan.fetched(.init(asked: 10, used: 10, hasNormalOnly: true))
        #expect(plan.beginFetch() == .init(isNormalOnly: true))
        #expect(!plan.hasLimits)
    }

    @Test func `while more has to be parked it fetches again at once, however few have come`() {
        var plan = begun()
        plan.fetched(.init(asked: 10, used: 0, limits: .hasMore, limited: 10))
        #expect(next(plan) == .fetch(atMost: all))
        plan.fetched(.init(asked: 10, used: 0, limits: .known, limited: 10))
        #expect(next(plan) == .listen(ReadyStream.allCases))
    }

    @Test func `what was left for want of a slot is fetched when one is free, not when the next job comes`() {
        var plan = begun()
        plan.fetched(.init(asked: 10, used: 2, limits: .known, limited: 2))
        #expect(next(plan) == .awaitSlot)
        plan.awaitedSlot()
        #expect(next(plan) == .fetch(atMost: all))
        plan.fetched(.init(asked: 10, used: 1, limits: .known, limited: 2))
        #expect(next(plan) == .listen(ReadyStream.allCases))
    }

    @Test func `accounts are compared now and then, after a lost reply, and when Redis forgot the worker`() {
        var plan = begun()
        #expect(plan.next(at: start + .milliseconds(5_001), hasRoom: false) == .compare)
        plan.beginCompare(at: start + .milliseconds(5_001))
        #expect(plan.next(at: start + .milliseconds(5_001), hasRoom: false) == .rest)
        plan.failed(outcomeUnknown: false)
        #expect(next(plan) == .fetch(atMost: all))
        plan.failed(outcomeUnknown: true)
        #expect(next(plan) == .compare)
        var forgotten = begun()
        forgotten.heard(isPaused: true, isForgotten: true)
        #expect(next(forgotten) == .compare)
    }

    @Test func `a stream that cannot be read is not listened to, and looked at again after each wait`() {
        var plan = begun()
        plan.fetched(.init(asked: 10, used: 0, faults: [.high: "another type"]))
        #expect(next(plan) == .listen(ReadyStream.allCases.filter { $0 != .high }))
        plan.listened(isEmpty: true, wakeUp: nil, hasNormalOnly: false)
        #expect(next(plan) == .fetch(atMost: all))
    }
}
