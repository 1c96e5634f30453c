import PondCore
import Testing

struct LimitSpecTests {
    @Test(arguments: [
        ("60/m burst 10", "60/m burst 10"),
        ("60/m burst 10, 8 at a time", "60/m burst 10, 8 at a time"),
        ("8 at a time, 60/m burst 10", "60/m burst 10, 8 at a time"),
        ("50/s", "50/s"),
        ("50 / sec", "50/s"),
        ("50 per second burst 1", "50/s"),
        ("3/hour", "3/h"),
        ("450/15min", "450/15m"),
        ("90/60s", "90/m"),
        ("1/day", "1/d"),
        ("8 at a time", "8 at a time"),
        ("8 AT A TIME", "8 at a time"),
        ("  open ", "open"),
        ("10000/s", "10000/s"),
    ])
    func `a limit reads as people write it, and prints as what reads the same`(given: String, printed: String) throws {
        let spec = try LimitSpec(given)
        #expect(spec.description == printed)
        #expect(try LimitSpec(printed) == spec)
    }

    @Test
    func `the parts of a limit are what was written`() throws {
        let spec = try LimitSpec("60/m burst 10, 8 at a time")
        #expect(spec.rate?.count == 60)
        #expect(spec.rate?.period == .seconds(60))
        #expect(spec.rate?.burst == 10)
        #expect(spec.atATime == 8)
        #expect(try LimitSpec("open").isOpen)
        #expect(try LimitSpec("5/s").rate?.burst == 1)
    }

    @Test(arguments: [
        ("60/w", "\"w\" for a unit of time"),
        ("60/mn", "did you mean m"),
        ("60/m brust 10", "did you mean burst?"),
        ("60/", "no unit of time"),
        ("60", "cannot be read"),
        ("8 at tiem", "did you mean time?"),
        ("opne", "did you mean open?"),
        ("", "cannot be read"),
        ("60/m, 50/s", "two rates"),
        ("8 at a time, 9 at a time", "says twice"),
        ("0/s", "rate is 0, allowed is 1 to 1000000"),
        ("5/s burst 0", "burst is 0"),
        ("1.5/s", "cannot be read"),
        ("-5/s", "cannot be read"),
        ("20000/s", "more than 10000/s"),
        ("1000001/d", "rate is 1000001"),
        ("5/367d", "allowed is a second to 366 days"),
        ("5/9999999999999999999s", "whole number"),
        ("0 at a time", "at a time is 0"),
        ("100001 at a time", "allowed is 1 to 100000"),
        ("60/m burst 10 8 at a time", "cannot be read"),
    ])
    func `a limit that cannot be says what was given and what is allowed`(given: String, part: String) {
        let error = #expect(throws: PondError.self) { try LimitSpec(given) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        ("openai", "openai"), ("tenant:*", "tenant:*"), ("tenant:{tenant}", "tenant:*"),
        ("openai/{/model}", "openai/*"),
    ])
    func `a limit is defined for a name or a family`(given: String, name: String) throws {
        let defined = try LimitName(defined: given)
        #expect(defined.text == name)
        #expect(defined.isFamily == name.hasSuffix("*"))
    }

    @Test(arguments: [
        "", "*", ":*", "tenant*", "tenant:**", "a b", "-a", "tenant:{a}x", "{tenant}", "tenant:{a}{b}", "ä",
    ])
    func `a name that cannot be is refused where it is defined`(given: String) {
        let error = #expect(throws: PondError.self) { try LimitName(defined: given) }
        #expect(error?.message.contains("limit name \"\(given)\"") == true)
    }

    @Test
    func `a name has at most 128 bytes`() throws {
        #expect(try LimitName(String(repeating: "a", count: 128)).text.count == 128)
        #expect(throws: PondError.self) { try LimitName(String(repeating: "a", count: 129)) }
        #expect(throws: PondError.self) { try LimitName(defined: String(repeating: "a", count: 127) + ":*") }
    }
}

struct LimitNeedTests {
    @Test(arguments: [
        ("openai", "openai"),
        ("openai, tenant:{tenant} ,openai-tokens@{/max_tokens}", "openai,tenant:{tenant},openai-tokens@{/max_tokens}"),
        ("openai@1200", "openai@1200"),
        ("a,b,c,d", "a,b,c,d"),
        ("{tenant}", "{tenant}"),
        ("t:{/a,b}", "t:{/a,b}"),
        ("t:{/a b}@{cost}", "t:{/a b}@{cost}"),
        ("{/a@b}/x", "{/a@b}/x"),
        ("{tenant}/{/model}@2", "{tenant}/{/model}@2"),
    ])
    func `what a job needs reads with values of the job in it`(given: String, text: String) throws {
        #expect(try LimitNeed(given).text == text)
    }

    @Test(arguments: [
        ("", "not allowed"),
        ("a,,b", "not allowed"),
        ("a,b,c,d,e", "names 5 limits, allowed are 1 to 4"),
        ("a,a@2", "names a limit twice"),
        ("a@0", "is 0, allowed is 1 to 1000000000"),
        ("a@1000000001", "is 1000000001"),
        ("a@", "neither a whole number"),
        ("a@x", "is \"x\""),
        ("a@1.5", "is \"1.5\""),
        ("a@{x}1", "neither a whole number"),
        ("a:{", "without its }"),
        ("a:}", "without its other half"),
        ("a:{{x}}", "without its other half"),
        ("a:{}", "neither the name of a field"),
        ("a:{/x~2}", "JSON Pointer"),
        ("tenant:*", "not allowed"),
        ("a b:ü", "not allowed"),
    ])
    func `a need that cannot be says what was given and what is allowed`(given: String, part: String) {
        let error = #expect(throws: PondError.self) { try LimitNeed(given) }
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test
    func `a running job asks for one name`() throws {
        #expect(try LimitNeed(name: "api.x.com", cost: 1).text == "api.x.com")
        #expect(try LimitNeed(name: "api.x.com", cost: 7).text == "api.x.com@7")
        #expect(throws: PondError.self) { try LimitNeed(name: "api.x.com", cost: 0) }
        #expect(throws: PondError.self) { try LimitNeed(name: "a,b", cost: 1) }
        #expect(throws: PondError.self) { try LimitNeed(name: "tenant:{tenant}", cost: 1) }
    }
}
