import FoundationEssentials
import PondTelemetry
import Synchronization

/// A collector in the test itself: keeps what was posted, and answers as it is told.
final class Collector: Sendable {
    private let state: Mutex<(bodies: [[UInt8]], answers: [OTLPAnswer])>

    /// - Parameter answers: the first ones; after them everything is taken.
    init(answering answers: [OTLPAnswer] = []) {
        state = Mutex(([], answers))
    }

    func take(_ body: [UInt8]) -> OTLPAnswer {
        state.withLock { state in
            let answer = state.answers.isEmpty ? .taken : state.answers.removeFirst()
            if answer == .taken { state.bodies.append(body) }
            return answer
        }
    }

    var bodies: [[UInt8]] { state.withLock { $0.bodies } }

    /// The spans of all requests, in order.
    var spans: [SentSpan] {
        get throws {
            try bodies.flatMap { body in
                try JSONDecoder().decode(SentRequest.self, from: Data(body)).resourceSpans
                    .flatMap { $0.scopeSpans.flatMap(\.spans) }
            }
        }
    }
}

/// What a collector reads, as far as tests look.
struct SentRequest: Decodable {
    struct Resource: Decodable {
        struct Scope: Decodable { let spans: [SentSpan] }
        let scopeSpans: [Scope]
    }
    let resourceSpans: [Resource]
}

struct SentSpan: Decodable {
    struct Attribute: Decodable {
        struct Value: Decodable {
            let stringValue: String?
            let intValue: String?
            let boolValue: Bool?
        }
        let key: String
        let value: Value
    }
    struct Link: Decodable {
        let traceId: String
        let spanId: String
    }
    struct Event: Decodable {
        let name: String
    }
    struct Status: Decodable {
        let code: Int
        let message: String?
    }
    let traceId: String
    let spanId: String
    let parentSpanId: String?
    let name: String
    let kind: Int
    let startTimeUnixNano: String
    let endTimeUnixNano: String
    let attributes: [Attribute]?
    let links: [Link]?
    let events: [Event]?
    let status: Status?
    let droppedEventsCount: Int?

    func text(_ key: String) -> String? {
        attributes?.first { $0.key == key }.flatMap { $0.value.stringValue ?? $0.value.intValue }
    }
}
