import Millpond

struct Email: Codable, Sendable {
    var to: String
    var subject: String?
}

struct SendEmail: JobHandler {
    static let kind = "email.send"

    func run(_ email: Email, _ job: JobContext) async throws {
        guard email.to.contains("@") else { throw GiveUp("\(email.to) is no address", cause: "no_address") }
        job.logger.info("sent", metadata: ["to": "\(email.to)"])
    }
}

@main struct Mailer: MillpondApp {
    static let queue = "emails"
    var jobs: some JobRegistry {
        SendEmail().retrying(times: 5).timeout(.seconds(30))
    }
}
