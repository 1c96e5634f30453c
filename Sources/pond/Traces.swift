import AsyncHTTPClient
import Millpond
import NIOCore
import NIOHTTP1
import PondTelemetry
import Tracing

/// Spans of this program, sent to the collector that the environment names.
enum Traces {
    private static let requestTime = TimeAmount.seconds(5)

    /// Runs the program, with a tracer when `OTEL_EXPORTER_OTLP_ENDPOINT` is set.
    static func exporting(_ program: @Sendable () async -> Int32) async -> Int32 {
        guard let settings = OTLPSettings(service: "pond", environment: Environment.value) else {
            return await program()
        }
        let client = HTTPClient(eventLoopGroupProvider: .singleton)
        let exporter = OTLPExporter(resource: settings.resource) { await post($0, settings, client) }
        InstrumentationSystem.bootstrap(OTLPTracer(exporter, sampler: settings.sampler))
        let code = await withTaskGroup(of: Void.self) { group in
            group.addTask { await exporter.run() }
            let code = await program()
            group.cancelAll()
            return code
        }
        await exporter.flush()
        do {
            try await client.shutdown()
        } catch {
            // The process ends anyway.
            return code
        }
        return code
    }

    private static func post(_ body: [UInt8], _ settings: OTLPSettings, _ client: HTTPClient) async -> OTLPAnswer {
        var request = HTTPClientRequest(url: settings.endpoint)
        request.method = .POST
        for (name, value) in settings.headers { request.headers.replaceOrAdd(name: name, value: value) }
        request.headers.replaceOrAdd(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            let response = try await client.execute(request, timeout: requestTime)
            return OTLPAnswer(status: Int(response.status.code))
        } catch {
            return .unavailable("\(settings.endpoint): \(error)")
        }
    }
}
