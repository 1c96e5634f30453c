import FoundationEssentials
package import PondCore

/// Payloads are JSON by convention; `RawPayload` is the bytes as they are.
package enum PayloadCoding {
    /// The payload does not decode into what the handler takes; trying again cannot help.
    package struct Undecodable: Error {
        /// How long the payload is, which differs from job to job where the cause is the same.
        package let byteCount: Int
        /// What was expected, and where the payload differs: what jobs with the same cause have in common.
        package let difference: String

        package init(byteCount: Int, difference: String) {
            self.byteCount = byteCount
            self.difference = difference
        }

        /// Both in one sentence.
        package var text: String { "the payload of \(byteCount) bytes is no \(difference)" }
    }

    /// Keeps nothing between calls, and making one costs as much as a short payload.
    private static let decoder = JSONDecoder()

    /// Members in order: a key stands for the bytes of a payload, so an equal payload must be the same bytes every time.
    private static let encoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return encoder
    }()

    static func decode<Payload: Decodable>(_ job: Job) throws(Undecodable) -> Payload {
        // The types are the same, so that nothing has to be asked of a cast: that took a tenth of what a raw job's handler costs.
        if Payload.self == RawPayload.self { return unsafeBitCast(RawPayload(job.data), to: Payload.self) }
        do {
            return try decoder.decode(Payload.self, from: Data(job.data))
        } catch {
            throw Undecodable(byteCount: job.data.count, difference: "\(Payload.self): \(error)")
        }
    }

    /// The bytes of the payload, the same for an equal one.
    package static func encode(_ payload: some Encodable) throws(PondError) -> [UInt8] {
        try encode(payload, as: "payload")
    }

    /// The same input as the same bytes, whatever the order of its keys.
    static func encode(input: some Encodable) throws(PondError) -> [UInt8] {
        try encode(input, as: "input")
    }

    static func encode(result: some Encodable) throws(PondError) -> [UInt8] { try encode(result, as: "result") }

    private static func encode(_ value: some Encodable, as what: String) throws(PondError) -> [UInt8] {
        if let raw = value as? RawPayload { return raw.bytes }
        do {
            return Array(try encoder.encode(value))
        } catch {
            throw PondError(.invalidJob, "the \(what) \(type(of: value)) does not encode as JSON: \(error)")
        }
    }
}
