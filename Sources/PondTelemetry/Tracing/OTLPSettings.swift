/// Where spans go and how they are called, as OpenTelemetry's environment variables say.
///
/// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` (as it is) or `OTEL_EXPORTER_OTLP_ENDPOINT` (with `/v1/traces` behind it),
/// `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` with
/// `OTEL_TRACES_SAMPLER_ARG`, `OTEL_TRACES_EXPORTER=none`, `OTEL_SDK_DISABLED=true`.
public struct OTLPSettings: Sendable, Hashable {
    /// The address that requests are posted to.
    public var endpoint: String
    /// Fields of every request, as for authentication.
    public var headers: [String: String]
    /// What the spans have in common.
    public var resource: OTLPResource
    /// Which traces are recorded.
    public var sampler: TraceSampler

    /// Reads the environment; nil when it names no collector, or says that there is to be none.
    ///
    /// - Parameter service: the program's name, when the environment gives none.
    public init?(service: String, environment: (String) -> String?) {
        func value(_ name: String) -> String? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
        guard value("OTEL_SDK_DISABLED")?.lowercased() != "true", value("OTEL_TRACES_EXPORTER") != "none" else {
            return nil
        }
        if let own = value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            endpoint = own
        } else if let base = value("OTEL_EXPORTER_OTLP_ENDPOINT") {
            endpoint = (base.hasSuffix("/") ? String(base.dropLast()) : base) + "/v1/traces"
        } else {
            return nil
        }
        let names = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]
        headers = Self.pairs(names.compactMap { value($0) }.first ?? "")
        let attributes = Self.pairs(value("OTEL_RESOURCE_ATTRIBUTES") ?? "")
        resource = OTLPResource(
            service: value("OTEL_SERVICE_NAME") ?? attributes["service.name"] ?? service,
            attributes: attributes
        )
        sampler = Self.sampler(value("OTEL_TRACES_SAMPLER"), value("OTEL_TRACES_SAMPLER_ARG"))
    }

    /// A word that this version does not know is as good as none.
    private static func sampler(_ name: String?, _ argument: String?) -> TraceSampler {
        switch name {
        case "always_off", "parentbased_always_off": .never
        case "traceidratio", "parentbased_traceidratio": TraceSampler(ratio: argument.flatMap { Double($0) } ?? 1)
        default: .always
        }
    }

    /// `a=b,c=d`, values percent-encoded; what is no pair is passed over.
    private static func pairs(_ text: String) -> [String: String] {
        var pairs: [String: String] = [:]
        for part in text.split(separator: ",") {
            guard let equals = part.firstIndex(of: "=") else { continue }
            let name = part[..<equals].filter { !$0.isWhitespace }
            let value = String(part[part.index(after: equals)...])
            if !name.isEmpty { pairs[name] = percentDecoded(value) ?? value }
        }
        return pairs
    }

    /// Nil when the text is not encoded as it should be.
    private static func percentDecoded(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            guard digits.utf8.count == 2, let decoded = UInt8(digits, radix: 16) else { return nil }
            bytes.append(decoded)
            rest.removeFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
