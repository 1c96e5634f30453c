import PondTelemetry
import Testing

@Suite struct OTLPSettingsTests {
    private func read(_ environment: [String: String]) -> OTLPSettings? {
        OTLPSettings(service: "pond") { environment[$0] }
    }

    @Test(
        arguments: [
            [:], ["OTEL_EXPORTER_OTLP_ENDPOINT": ""],
            ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_SDK_DISABLED": "true"],
            ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_TRACES_EXPORTER": "none"],
        ]
    )
    func `nothing is exported unless a collector is named`(environment: [String: String]) {
        #expect(read(environment) == nil)
    }

    @Test func `the general endpoint gets the path of traces, the own one is as it is`() {
        #expect(read(["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318/"])?.endpoint == "http://a:4318/v1/traces")
        #expect(read(["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a/b"])?.endpoint == "http://a/b/v1/traces")
        let both = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b/x"]
        #expect(read(both)?.endpoint == "http://b/x")
    }

    @Test func `names, headers and attributes are read`() throws {
        let settings = try #require(
            read([
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a",
                "OTEL_SERVICE_NAME": "mailer",
                "OTEL_RESOURCE_ATTRIBUTES": "service.name=other, deployment.environment=prod%20eu,junk,bad=%zz",
                "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x=y",
            ])
        )
        #expect(settings.resource.attributes["service.name"] == "mailer")
        #expect(settings.resource.attributes["deployment.environment"] == "prod eu")
        #expect(settings.resource.attributes["bad"] == "%zz")
        #expect(settings.headers == ["authorization": "Bearer x=y"])
        #expect(settings.sampler == .always)
    }

    @Test(
        arguments: [
            ("always_off", nil, .never), ("parentbased_traceidratio", "0", .never), ("traceidratio", "1", .always),
            ("something", "0", .always), ("traceidratio", "x", .always), ("traceidratio", "nan", .always),
            ("traceidratio", "-3", .never), ("traceidratio", "0.5", TraceSampler(ratio: 0.5)),
        ] as [(String, String?, TraceSampler)]
    )
    func `the sampler is read`(name: String, argument: String?, sampler: TraceSampler) {
        var environment = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_TRACES_SAMPLER": name]
        environment["OTEL_TRACES_SAMPLER_ARG"] = argument
        #expect(read(environment)?.sampler == sampler)
    }
}
