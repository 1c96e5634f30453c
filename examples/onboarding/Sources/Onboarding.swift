import Millpond

struct Customer: Codable, Sendable {
    var email: String
}

/// What the payment provider answers.
struct Payment: Codable, Sendable, Hashable {
    var id: Int
    var cents: Int
}

/// A customer's first day: an account, a day to think it over, a payment, a letter.
///
/// What was done is undone, when the rest fails.
struct Onboard: JobHandler {
    static let kind = "customer.onboard"
    let world: World

    func run(_ customer: Customer, _ job: JobContext) async throws {
        let world = world
        let account = try await job.step("account") { step in
            try world.open(customer.email, key: step.key)
        } undoAlways: { _, step in
            // By the key, because nobody may know the account's number.
            world.close(customer.email, key: step.key)
        }
        try await job.sleep("cool-off", for: .seconds(86_400))
        let paid: Payment = try await job.callback("payment", within: .seconds(7_200)) { step in
            world.ask(account, cents: 990, key: step.key, token: step.token)
        } undo: { payment, step in
            world.refund(account, payment, key: step.key)
        }
        // The letter has no undo, so from here on there is only forward.
        try await job.step("letter", effect: .once, pivot: true) { _ in
            world.note("letter to \(customer.email) about payment \(paid.id)")
        }
    }
}

@main struct Onboarding: MillpondApp {
    static let queue = "onboarding"
    var jobs: some JobRegistry {
        Onboard(world: World()).retrying(times: 5)
    }
}
