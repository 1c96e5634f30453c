import AsyncHTTPClient
import Millpond
import NIOCore
import NIOHTTP1
import PondBridge
import PondCore
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
        let address: HTTPAddress
        do throws(PondError) {
            address = try HTTPAddress(settings.endpoint)
        } catch {
            // As with a collector that is away: it changes nothing for jobs.
            warn("no traces are sent, OpenTelemetry's variables name no usable collector: \(error.message)")
            return await program()
        }
        // A redirect leads to addresses that nobody has checked.
        let configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let exporter = OTLPExporter(resource: settings.resource) { await post($0, to: address, settings, client) }
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

    private static func warn(_ text: String) {
        let terminal = Terminal.standard()
        terminal.say("\(terminal.tinted("warning:", .yellow, on: .error)) \(SafeText.escaped(text))")
    }

    private static func post(
        _ body: [UInt8],
        to address: HTTPAddress,
        _ settings: OTLPSettings,
        _ client: HTTPClient
    ) async -> OTLPAnswer {
        var request = HTTPClientRequest(url: address.url)
        request.method = .POST
        if let authorization = address.authorization {
            request.headers.add(name: "Authorization", value: authorization)
        }
        for (name, value) in settings.headers { request.headers.replaceOrAdd(name: name, value: value) }
        request.headers.replaceOrAdd(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            let response = try await client.execute(request, timeout: requestTime)
            return OTLPAnswer(status: Int(response.status.code))
        } catch {
            return .unavailable("\(address): \(address.secrets.masked(in: "\(error)"))")
        }
    }
}
