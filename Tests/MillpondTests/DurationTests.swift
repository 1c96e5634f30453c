import ArgumentParser
import Millpond
import PondCore
import Testing

@Suite struct DurationTests {
    @Test(arguments: [
        (0, "0ms"), (1, "1ms"), (999, "999ms"), (1_000, "1s"), (1_250, "1.2s"), (9_999, "9.9s"), (10_000, "10s"),
        (42_900, "42s"), (60_000, "1m00s"), (252_000, "4m12s"), (3_599_000, "59m59s"), (3_600_000, "1h00m"),
        (11_100_000, "3h05m"), (86_400_000, "1d00h"), (187_200_000, "2d04h"), (-252_000, "-4m12s"),
    ])
    func `a duration is shown in at most two units`(milliseconds: Int64, text: String) {
        #expect(Duration.milliseconds(milliseconds).human == text)
    }

    @Test(arguments: [
        ("500ms", 500), ("5s", 5_000), ("2m", 120_000), ("1h", 3_600_000), ("3d", 259_200_000), ("1.5s", 1_500),
        ("1m30s", 90_000), ("1h0m1ms", 3_600_001), ("0s", 0), ("3650d", 315_360_000_000),
    ])
    func `a duration is read`(text: String, milliseconds: Int64) {
        #expect(Duration(human: text) == .milliseconds(milliseconds))
    }

    @Test(arguments: ["3651d", "3650d1ms", "99999999999999999999999d"])
    func `what is too long is told its bound`(text: String) {
        let error = #expect(throws: ValidationError.self) { try Duration.argument(text) }
        #expect(error?.message.contains("the longest is ten years, 3650d") == true)
    }

    @Test(arguments: [
        "", "5", "s", "5x", "5 s", "-5s", "5s5s", "5s1m", ".5s", "5.s", "1e3s", "5S", "1..5s", "3651d", "+5s", "٥s",
        "99999999999999999999999d",
    ])
    func `what is no duration is refused`(text: String) {
        #expect(Duration(human: text) == nil)
        #expect(throws: ValidationError.self) { try Duration.argument(text) }
    }

    @Test func `what is shown can be read again`() {
        for milliseconds in [1, 999, 1_200, 42_000, 252_000, 11_100_000, 187_200_000] {
            let duration = Duration.milliseconds(milliseconds)
            #expect(Duration(human: duration.human) == duration)
        }
    }
}

@Suite struct ISO8601Tests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (951_782_399_000, "2000-02-28T23:59:59Z"), (951_868_800_000, "2000-03-01T00:00:00Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"), (4_107_542_400_000, "2100-03-01T00:00:00Z"),
    ])
    func `a moment is shown in UTC and read again`(milliseconds: Int64, text: String) {
        let time = ServerTime(milliseconds: milliseconds)
        #expect(time.iso8601 == text)
        #expect(ServerTime(iso8601: text) == time)
    }

    @Test func `an offset, a short fraction and missing seconds are understood`() {
        let time = ServerTime(iso8601: "2026-11-23T15:04:05.5Z")
        #expect(time?.iso8601 == "2026-11-23T15:04:05.500Z")
        #expect(ServerTime(iso8601: "2026-11-23T16:04:05.500+01:00") == time)
        #expect(ServerTime(iso8601: "2026-11-23T09:34:05.5000-0530") == time)
        #expect(ServerTime(iso8601: "2026-11-23 15:04Z")?.iso8601 == "2026-11-23T15:04:00Z")
    }

    @Test(arguments: [
        "", "2026-11-23", "2026-11-23T15:04:05", "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T15:60:00Z", "26-11-23T15:04:05Z", "now",
    ])
    func `what is no moment is refused`(text: String) {
        #expect(ServerTime(iso8601: text) == nil)
    }
}
