import Millpond
import PondTestKit
import Testing

@testable import onboarding

struct OnboardingTests {
    private let world = World()

    private func start(_ email: String = "a@b.c") throws -> TestSaga {
        try TestSaga(Onboard(world: world), Customer(email: email))
    }

    @Test func `a customer pays and gets one letter, though workers die`() async throws {
        let saga = try start()
        saga.crash(during: "account")
        try await saga.run()
        #expect(saga.waitsFor == ["cool-off"])
        saga.advance(by: .seconds(86_400))
        try await saga.run()
        world.pay(990)
        try saga.answer("payment", with: Payment(id: 7, cents: 990))
        saga.crash(after: "letter")
        try await saga.run()
        #expect(saga.state == .done && saga.steps == ["account", "cool-off", "payment", "letter"])
        #expect(world.log == ["opened a@b.c", "asked account 1 for 990", "letter to a@b.c about payment 7"])
    }

    @Test func `a customer who does not pay in time has no account any more`() async throws {
        let saga = try start()
        try await saga.run()
        saga.advance(by: .seconds(86_400))
        try await saga.run()
        saga.advance(by: .seconds(7_200))
        try await saga.run()
        #expect(saga.state == .compensated && saga.undone == ["payment", "account"])
        #expect(world.accounts.isEmpty && world.log.last == "closed a@b.c")
    }

    @Test func `a customer who changes their mind is not asked for money`() async throws {
        let saga = try start()
        try await saga.run()
        saga.cancel()
        try await saga.run()
        #expect(saga.state == .cancelled && saga.undone == ["account"])
        #expect(world.accounts.isEmpty && world.cents == 0 && !world.log.contains { $0.hasPrefix("asked") })
    }

    @Test func `what is no address leaves nothing behind`() async throws {
        let saga = try start("nobody")
        let performed = try await saga.run()
        #expect(performed.outcome == .dead(cause: Cause("no_address"), error: "nobody is no address"))
        #expect(saga.state == .failed && world.log.isEmpty)
    }
}
