import PondCore
import PondWorker
import Testing

@Suite struct PayloadCodingTests {
    private struct Order: Codable, Sendable {
        var number: Int
        var email: String
        var lines: [String: Int]
    }

    private struct Book: JobHandler {
        static let kind = "order.book"
        func run(_ payload: Order, _ job: JobContext) async throws {}
    }

    /// A key stands for a kind and the bytes of a payload, so the same payload must not be other bytes the next time.
    @Test func `an equal payload is encoded as the same bytes every time`() throws {
        let order = Order(number: 7, email: "ann@example.org", lines: ["tea": 2, "mill": 1, "pond": 3])
        let encoded = try (0..<100).map { _ in try NewJob(Book.self, order).data }
        #expect(Set(encoded).count == 1)
        #expect(
            String(decoding: encoded[0], as: UTF8.self)
                == #"{"email":"ann@example.org","lines":{"mill":1,"pond":3,"tea":2},"number":7}"#
        )
    }
}
