/// The handlers of a worker.
public protocol JobRegistry: Sendable {
    /// The handlers, each with its policy.
    var registrations: [JobRegistration] { get }

    /// What is done around their jobs, inside of what the worker's configuration says. Defaults to nothing.
    var middleware: [any JobMiddleware] { get }
}

extension JobRegistry {
    public var middleware: [any JobMiddleware] { [] }
}

/// A list of handlers, as the registry builder makes it.
public struct JobList: JobRegistry {
    /// The handlers, each with its policy.
    public let registrations: [JobRegistration]
    /// What is done around each of their jobs, the outermost first.
    public let middleware: [any JobMiddleware]

    /// A list of handlers that were made elsewhere.
    public init(_ registrations: [JobRegistration], middleware: [any JobMiddleware] = []) {
        self.registrations = registrations
        self.middleware = middleware
    }

    /// Lists handlers as in `JobList { SendEmail(); MakeThumbnail().retrying(times: 5) }`.
    public init(@JobRegistryBuilder _ build: () -> JobList) {
        self = build()
    }
}

/// Makes a registry of handlers that are written one below the other.
@resultBuilder
public enum JobRegistryBuilder {
    public static func buildExpression(_ handler: some JobHandler) -> [JobRegistration] { [JobRegistration(handler)] }
    public static func buildExpression(_ registration: JobRegistration) -> [JobRegistration] { [registration] }
    public static func buildExpression(_ registry: some JobRegistry) -> [JobRegistration] { registry.registrations }
    public static func buildBlock(_ parts: [JobRegistration]...) -> [JobRegistration] { parts.flatMap { $0 } }
    public static func buildOptional(_ part: [JobRegistration]?) -> [JobRegistration] { part ?? [] }
    public static func buildEither(first: [JobRegistration]) -> [JobRegistration] { first }
    public static func buildEither(second: [JobRegistration]) -> [JobRegistration] { second }
    public static func buildArray(_ parts: [[JobRegistration]]) -> [JobRegistration] { parts.flatMap { $0 } }
    public static func buildFinalResult(_ registrations: [JobRegistration]) -> JobList { JobList(registrations) }
}
