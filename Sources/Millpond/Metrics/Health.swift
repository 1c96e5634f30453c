import PondCore

/// What a process answers to whoever asks whether it lives, and whether it can do its work.
package struct Health: Sendable {
    /// Something that is wrong.
    package struct Cause: Sendable, Hashable {
        /// What was looked at: `redis`, `workers`, `heartbeat`, `stopping`, `starting`.
        package let check: String
        /// What is wrong with it, for people.
        package let text: String

        /// Something that is wrong, by what was looked at.
        package init(_ check: String, _ text: String) {
            (self.check, self.text) = (check, text)
        }
    }

    /// Why the process should be ended and started again; nothing while it lives.
    package var stuck: @Sendable () async -> [Cause]
    /// Why it cannot do its work now; nothing when it can.
    package var unready: @Sendable () async -> [Cause]

    /// That of a process of which nothing more is known than that it answers.
    package static let plain = Health(stuck: { [] }, unready: { [] })

    /// That of a process that can say more of itself.
    package init(
        stuck: @escaping @Sendable () async -> [Cause],
        unready: @escaping @Sendable () async -> [Cause]
    ) {
        (self.stuck, self.unready) = (stuck, unready)
    }

    /// The answer to a probe, as JSON.
    static func text(_ causes: [Cause]) -> String {
        let items = causes.map { JSONValue.object([("check", .string($0.check)), ("cause", .string($0.text))]) }
        let status = JSONValue.string(causes.isEmpty ? "ok" : "failed")
        return JSONValue.object([("status", status), ("causes", .array(items))]).text + "\n"
    }
}

/// How patient a probe is.
package enum HealthLimits {
    /// So long after its last try to beat a worker counts as stuck; a call to a Redis that is silent may take a while.
    package static let beatAge = Duration.seconds(60)
    /// So long a supervision may take to answer, which does nothing but take messages.
    package static let answer = Duration.seconds(5)
    /// So long Redis may take to answer a probe.
    package static let redis = Duration.seconds(2)
    /// Probes that come faster than this get the same word about Redis.
    static let redisFresh = Duration.seconds(1)
}
