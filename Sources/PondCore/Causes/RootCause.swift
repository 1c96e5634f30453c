/// What failures have in common: jobs that failed for the same reason have the same one.
///
/// It is made when a job fails, out of the error's type and its text without what varies from job to job. Swift errors
/// carry no stack trace, so an error that knows better says so itself: see `RootCauseProviding`.
package struct RootCause: Sendable, Hashable {
    /// What is hashed into the group's id: one line of at most `Limits.rootCauseBytesMax` bytes.
    package let root: String
    /// The same for people: one line of at most `Limits.rootCauseTitleBytesMax` bytes.
    package let title: String

    /// What a failure is told apart by.
    package struct Parts: Sendable, Hashable {
        /// What sort of error it is, as in `Mailer.SMTPError`; empty where the text says all.
        package var type: String
        /// The error's text, as it is.
        package var message: String
        /// Where in the job it happened.
        package var step: String?
        /// What decides alone when it is given.
        package var key: String?

        package init(type: String, message: String, step: String? = nil, key: String? = nil) {
            self.type = type
            self.message = message
            self.step = step
            self.key = key
        }
    }

    /// - Parameter kind: what the job was. Its family counts unless the failure has a key or its text names a host: what
    ///   is down is down for all kinds, but two kinds that say "not found" mean different things.
    package init(_ parts: Parts, kind: String) {
        let message = MessageNormaliser.normalised(parts.message, toBytes: Self.messageBytesMax)
        let type = Self.line(Self.stableType(parts.type), Self.typeBytesMax)
        let step = parts.step.map { Self.line($0, Self.stepBytesMax) } ?? ""
        let key = parts.key.map { Self.line($0, Self.messageBytesMax) } ?? ""
        var words = key.isEmpty ? [type, message.text] : ["key", key]
        if !step.isEmpty { words.append("step " + step) }
        if key.isEmpty, !message.namesHost { words.append("kind " + Self.family(of: kind)) }
        root = words.filter { !$0.isEmpty }.joined(separator: " | ")
        let name = key.isEmpty ? type.split(separator: ".").last.map { String($0) } ?? "" : key
        let said = [name, message.text].filter { !$0.isEmpty }.joined(separator: ": ")
        let place = step.isEmpty ? "" : " (in \(step))"
        title = Self.line(said.isEmpty ? "no error text" : said + place, Limits.rootCauseTitleBytesMax)
    }

    /// The cause of an error that a handler of a kind threw.
    package init(of error: any Error, kind: String) {
        self.init(Self.parts(of: error), kind: kind)
    }

    private static func parts(of error: any Error) -> Parts {
        switch error {
        case let error as any RootCauseDescribing: error.rootCauseParts
        case let error as any RootCauseProviding:
            Parts(
                type: String(reflecting: Swift.type(of: error)),
                message: "\(error)",
                step: error.rootCauseStep,
                key: error.rootCauseKey
            )
        default: Parts(type: String(reflecting: Swift.type(of: error)), message: "\(error)")
        }
    }

    // Together with their separators these are at most `Limits.rootCauseBytesMax`.
    private static let typeBytesMax = 96
    private static let messageBytesMax = 224
    private static let stepBytesMax = 40

    /// `email` of `email.send` and of `email:send`.
    private static func family(of kind: String) -> String {
        line(String(kind.prefix { $0 != "." && $0 != ":" }), Limits.kindBytesMax)
    }

    /// One line, cut at a character.
    private static func line(_ text: String, _ bytesMax: Int) -> String {
        let bytes = text.utf8.prefix(bytesMax + 4).map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: " ") : $0 }
        return String(decoding: MessageNormaliser.cut(bytes, toBytes: bytesMax), as: UTF8.self)
    }

    /// A private type's name has a number in it that every build chooses anew: `App.(unknown context at $10f3).Lost`.
    private static func stableType(_ type: String) -> String {
        guard type.utf8.contains(UInt8(ascii: "$")) else { return type }
        var result = ""
        var rest = type[...]
        while let start = rest.firstRange(of: "(unknown context at $"),
            let end = rest[start.upperBound...].firstIndex(of: ")")
        {
            result += rest[..<start.lowerBound]
            rest = rest[rest.index(after: end)...].drop { $0 == "." }
        }
        return result + rest
    }
}

/// An error that knows its root cause better than its text says it.
///
/// ```swift
/// extension PaymentError: RootCauseProviding {
///     var rootCauseKey: String { "stripe \(code)" }
/// }
/// ```
///
/// Failures with the same key are one group, whatever their texts, types and kinds. Leave out what varies from job to
/// job: an id in a key makes a group a job.
public protocol RootCauseProviding: Error {
    /// What the failure has in common with others, at most 224 bytes of it; an empty text leaves the decision to type and
    /// message.
    var rootCauseKey: String { get }
    /// Where in the job it happened, as in `charge`. Defaults to nil.
    var rootCauseStep: String? { get }
}

extension RootCauseProviding {
    public var rootCauseStep: String? { nil }
}

/// An error of ours that carries another's words.
package protocol RootCauseDescribing: Error {
    /// What its group is made of.
    var rootCauseParts: RootCause.Parts { get }
}
