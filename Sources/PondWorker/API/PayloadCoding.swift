import FoundationEssentials
import PondCore

/// Payloads are JSON by convention; `RawPayload` is the bytes as they are.
package enum PayloadCoding {
    /// The payload does not decode into what the handler takes; trying again cannot help.
    package struct Undecodable: Error {
        /// What was expected, and where the payload differs.
        package let text: String

        package init(text: String) {
            self.text = text
        }
    }

    /// Keeps nothing between calls, and making one costs as much as a short payload.
    private static let decoder = JSONDecoder()

    static func decode<Payload: Decodable>(_ job: Job) throws(Undecodable) -> Payload {
        if Payload.self == RawPayload.self, let raw = RawPayload(job.data) as? Payload { return raw }
        do {
            return try decoder.decode(Payload.self, from: Data(job.data))
        } catch {
            throw Undecodable(text: "the payload of \(job.data.count) bytes is no \(Payload.self): \(error)")
        }
    }

    static func encode(_ payload: some Encodable) throws(PondError) -> [UInt8] {
        try encode(payload, as: "payload")
    }

    static func encode(result: some Encodable) throws(PondError) -> [UInt8] { try encode(result, as: "result") }

    private static func encode(_ value: some Encodable, as what: String) throws(PondError) -> [UInt8] {
        if let raw = value as? RawPayload { return raw.bytes }
        do {
            return Array(try JSONEncoder().encode(value))
        } catch {
            throw PondError(.invalidJob, "the \(what) \(type(of: value)) does not encode as JSON: \(error)")
        }
    }
}
