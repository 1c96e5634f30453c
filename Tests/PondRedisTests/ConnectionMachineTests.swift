import PondCore
import PondRedis
import Testing

/// A call as a plain value.
struct PlainCall: PipelineCall {
    let name: String
    var commandCount = 1
    var deadline: LocalInstant
}

@Suite struct ConnectionMachineTests {
    typealias Machine = ConnectionMachine<PlainCall>

    let start = LocalInstant.now

    func setup(pipelineLimit: Int = 100) -> Machine {
        var configuration = RedisConfiguration(address: .tcp(host: "mill", port: 1))
        configuration.pipelineLimit = pipelineLimit
        return Machine(.init(configuration, random: { 0 }))
    }

    func call(_ name: String, commands: Int = 1, seconds: Int = 5) -> PlainCall {
        PlainCall(name: name, commandCount: commands, deadline: start + .seconds(seconds))
    }

    /// A machine that is logged in, with the given calls written.
    func ready(_ calls: PlainCall...) -> Machine {
        var machine = setup()
        let first = calls.first ?? call("first", commands: 0)
        #expect(machine.submit(first, now: start) == [.connect(attempt: 1)])
        for call in calls.dropFirst() { #expect(machine.submit(call, now: start) == []) }
        logIn(&machine)
        while machine.nextWrite() != nil {}
        return machine
    }

    func logIn(_ machine: inout Machine) {
        let actions = machine.connected(attempt: machine.attempt)
        #expect(actions == [.logIn([RedisCommand("CLIENT", "ID"), RedisCommand("PING")])])
        #expect(machine.received(.integer(7), now: start) == .actions([]))
        #expect(machine.received(.simple("PONG"), now: start) == .actions([.write]))
        #expect(machine.connectionID == 7)
    }

    func failures(_ actions: [Machine.Action]) -> [String: RedisError.Code] {
        var failures: [String: RedisError.Code] = [:]
        for case .fail(let call, let error) in actions { failures[call.name] = error.code }
        return failures
    }

    func errors(_ actions: [Machine.Action]) -> [RedisError] {
        actions.compactMap { if case .fail(_, let error) = $0 { error } else { nil } }
    }

    @Test func `nothing is connected before the first call`() {
        let machine = setup()
        #expect(machine.state == .idle)
        #expect(machine.nextDeadline == nil)
    }

    @Test func `replies go to the calls in their order`() {
        let (a, b) = (call("a"), call("b", commands: 2))
        var machine = ready(a, b)
        #expect(machine.commandCount == 3)
        #expect(machine.received(.simple("OK"), now: start) == .reply(a, isLast: true))
        #expect(machine.received(.simple("OK"), now: start) == .reply(b, isLast: false))
        #expect(machine.received(.simple("OK"), now: start) == .reply(b, isLast: true))
        #expect(machine.commandCount == 0)
    }

    @Test func `nothing is written before the login is done`() {
        var machine = setup()
        _ = machine.submit(call("a"), now: start)
        #expect(machine.nextWrite() == nil)
        _ = machine.connected(attempt: 1)
        #expect(machine.nextWrite() == nil)
        _ = machine.received(.integer(7), now: start)
        #expect(machine.nextWrite() == nil)
        _ = machine.received(.simple("PONG"), now: start)
        #expect(machine.nextWrite() == call("a"))
    }

    @Test func `a full send buffer holds calls back`() {
        var machine = ready()
        #expect(machine.writabilityChanged(false) == [])
        #expect(machine.submit(call("a"), now: start) == [])
        #expect(machine.nextWrite() == nil)
        #expect(machine.writabilityChanged(true) == [.write])
        #expect(machine.nextWrite() == call("a"))
    }

    @Test func `a lost connection fails what was written and nothing else`() {
        var machine = ready(call("written"))
        _ = machine.writabilityChanged(false)
        _ = machine.submit(call("waiting"), now: start)
        let lost = RedisError(.connectionLost, "gone", outcomeUnknown: true)
        let actions = machine.lost(lost, now: start, hangUp: false)
        #expect(failures(actions) == ["written": .connectionLost])
        #expect(machine.commandCount == 1)
        // It never answered a call, so that the next try waits.
        #expect(actions.last == .wake(after: .milliseconds(50)))
    }

    @Test func `the first try after a loss is made at once`() {
        var machine = ready(call("a"), call("b"))
        _ = machine.received(.simple("OK"), now: start)
        _ = machine.writabilityChanged(false)
        _ = machine.submit(call("waiting"), now: start)
        let actions = machine.lost(RedisError(.connectionLost, "gone", outcomeUnknown: true), now: start, hangUp: false)
        #expect(actions.last == .connect(attempt: 2))
    }

    @Test func `an idle connection that ends is not made again until somebody calls`() {
        var machine = ready(call("a"))
        _ = machine.received(.simple("OK"), now: start)
        #expect(machine.lost(RedisError(.connectionLost, "gone"), now: start, hangUp: false) == [])
        #expect(machine.state == .idle)
        #expect(machine.submit(call("b"), now: start) == [.connect(attempt: 2)])
    }

    @Test func `failed attempts back off, doubling up to the cap`() {
        var machine = setup()
        var delays: [Duration] = []
        var actions = machine.submit(call("a", seconds: 60), now: start)
        for attempt in 1...7 {
            #expect(actions == [.connect(attempt: attempt)])
            let refused = RedisError(.connectFailed, "refused")
            for case .wake(let delay) in machine.connectFailed(attempt: attempt, refused, now: start) {
                delays.append(delay)
            }
            actions = machine.wakeUp()
        }
        #expect(delays == [50, 100, 200, 400, 800, 1_000, 1_000].map { .milliseconds($0) })
    }

    @Test func `nobody waiting means no further attempts`() {
        var machine = setup()
        _ = machine.submit(call("a"), now: start)
        _ = machine.connectFailed(attempt: 1, RedisError(.connectFailed, "refused"), now: start)
        let actions = machine.expire(now: start + .seconds(5))
        #expect(failures(actions) == ["a": .connectFailed])
        #expect(errors(actions).first?.message.contains("refused") == true)
        #expect(machine.wakeUp() == [])
        #expect(machine.state == .idle)
        #expect(machine.nextDeadline == nil)
    }

    @Test func `a call in the middle of a back-off waits for its end`() {
        var machine = setup()
        _ = machine.submit(call("a", seconds: 0), now: start)
        _ = machine.expire(now: start)
        #expect(machine.connectFailed(attempt: 1, RedisError(.connectFailed, "refused"), now: start) == [])
        let later = start + .milliseconds(20)
        #expect(machine.submit(call("b"), now: later) == [.wake(after: .milliseconds(30))])
        #expect(machine.wakeUp() == [.connect(attempt: 2)])
    }

    @Test func `a final failure fails everybody who waits, at once`() {
        var machine = setup()
        _ = machine.submit(call("a"), now: start)
        _ = machine.submit(call("b"), now: start)
        _ = machine.connected(attempt: 1)
        let delivery = machine.received(.error("NOAUTH Authentication required."), now: start)
        guard case .actions(let actions) = delivery else { Issue.record("\(delivery)"); return }
        #expect(actions.first == .hangUp)
        #expect(failures(actions) == ["a": .authentication, "b": .authentication])
        #expect(machine.state == .idle)
    }

    @Test func `a loading server is tried again`() {
        var machine = setup()
        _ = machine.submit(call("a"), now: start)
        _ = machine.connected(attempt: 1)
        _ = machine.received(.integer(7), now: start)
        let delivery = machine.received(.error("LOADING Redis is loading"), now: start)
        #expect(delivery == .actions([.hangUp, .wake(after: .milliseconds(50))]))
    }

    @Test func `a written call past its deadline takes the connection with it`() {
        var machine = ready(call("late", seconds: 1), call("early", seconds: 9))
        #expect(machine.nextDeadline == start + .seconds(1))
        let actions = machine.expire(now: start + .seconds(1))
        #expect(actions.first == .hangUp)
        #expect(failures(actions) == ["late": .timedOut, "early": .connectionLost])
        #expect(errors(actions).map(\.outcomeUnknown) == [true, true])
        #expect(machine.nextDeadline == nil)
    }

    @Test func `a waiting call past its deadline just times out`() {
        var machine = ready(call("written", seconds: 9))
        _ = machine.writabilityChanged(false)
        _ = machine.submit(call("waiting", seconds: 1), now: start)
        let actions = machine.expire(now: start + .seconds(2))
        #expect(failures(actions) == ["waiting": .timedOut])
        #expect(errors(actions).first?.outcomeUnknown == false)
        #expect(machine.nextDeadline == start + .seconds(9))
        #expect(machine.isReady)
    }

    @Test func `cancelling a waiting call leaves the connection alone`() {
        var machine = ready(call("written"))
        _ = machine.writabilityChanged(false)
        _ = machine.submit(call("waiting"), now: start)
        #expect(failures(machine.cancel(call("waiting"), now: start)) == ["waiting": .cancelled])
        #expect(machine.isReady)
        #expect(machine.commandCount == 1)
    }

    @Test func `cancelling a written call drops its reply and leaves its neighbours alone`() {
        var machine = ready(call("a"), call("b"))
        #expect(failures(machine.cancel(call("a"), now: start)) == ["a": .cancelled])
        #expect(machine.isReady)
        #expect(machine.received(.integer(1), now: start) == .actions([]))
        #expect(machine.received(.integer(2), now: start) == .reply(call("b"), isLast: true))
        #expect(machine.commandCount == 0)
    }

    @Test func `a call that was cancelled is told once, also when the connection ends before its reply`() {
        var machine = ready(call("a"), call("b"))
        _ = machine.cancel(call("a"), now: start)
        #expect(machine.cancel(call("a"), now: start) == [])
        #expect(failures(machine.close()) == ["b": .closed])
    }

    @Test func `cancelling the only call closes the connection, as a blocking read must`() {
        var machine = ready(call("a"))
        let actions = machine.cancel(call("a"), now: start)
        #expect(actions.first == .hangUp)
        #expect(failures(actions) == ["a": .cancelled])
    }

    @Test func `cancelling a call that has ended does nothing`() {
        var machine = ready(call("a"))
        _ = machine.received(.simple("OK"), now: start)
        #expect(machine.cancel(call("a"), now: start) == [])
        #expect(machine.isReady)
    }

    @Test func `a reply that nobody asked for closes the connection`() {
        var machine = ready()
        #expect(machine.received(.simple("hello"), now: start) == .actions([.hangUp]))
        #expect(machine.state == .idle)
    }

    @Test func `a server that became a replica is left after the calls in flight`() {
        var machine = ready(call("a"), call("b"))
        #expect(machine.received(.error("READONLY You can't write"), now: start) == .reply(call("a"), isLast: true))
        #expect(machine.retire(now: start) == [])
        _ = machine.submit(call("c"), now: start)
        #expect(machine.nextWrite() == nil)
        _ = machine.received(.simple("OK"), now: start)
        #expect(machine.retire(now: start) == [.hangUp, .wake(after: .milliseconds(50))])
        #expect(machine.wakeUp() == [.connect(attempt: 2)])
        logIn(&machine)
        #expect(machine.nextWrite() == call("c"))
    }

    @Test func `more commands than the limit are refused`() {
        var machine = setup(pipelineLimit: 3)
        _ = machine.submit(call("a", commands: 3), now: start)
        #expect(failures(machine.submit(call("b"), now: start)) == ["b": .pipelineFull])
        #expect(failures(machine.submit(call("c", commands: 4), now: start)) == ["c": .tooLarge])
        #expect(machine.commandCount == 3)
    }

    @Test func `a connection that came too late is discarded`() {
        var machine = setup()
        _ = machine.submit(call("a"), now: start)
        _ = machine.connectTimedOut(attempt: 1, now: start)
        _ = machine.wakeUp()
        #expect(machine.connected(attempt: 1) == [.discard])
        #expect(machine.state == .connecting)
    }

    @Test func `a silent server is left after the connect timeout`() {
        var machine = setup()
        _ = machine.submit(call("a"), now: start)
        _ = machine.connected(attempt: 1)
        #expect(machine.connectTimedOut(attempt: 1, now: start).first == .hangUp)
        #expect(machine.connectTimedOut(attempt: 1, now: start) == [])
    }

    @Test func `closing fails all calls, once, and later ones too`() {
        var machine = ready(call("written"))
        _ = machine.writabilityChanged(false)
        _ = machine.submit(call("waiting"), now: start)
        let actions = machine.close()
        #expect(actions.first == .hangUp)
        #expect(failures(actions) == ["written": .closed, "waiting": .closed])
        #expect(errors(actions).map(\.outcomeUnknown) == [true, false])
        #expect(machine.close() == [])
        #expect(failures(machine.submit(call("later"), now: start)) == ["later": .closed])
        #expect(machine.lost(RedisError(.connectionLost, "gone"), now: start, hangUp: false) == [])
    }

    @Test func `closing while connecting discards the connection`() {
        var machine = setup()
        _ = machine.submit(call("a"), now: start)
        #expect(failures(machine.close()) == ["a": .closed])
        #expect(machine.connected(attempt: 1) == [.discard])
    }
}
