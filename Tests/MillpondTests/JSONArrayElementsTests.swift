import Millpond
import Testing

@Suite struct JSONArrayElementsTests {
    private func read(_ text: String, bytesMax: Int = 100) -> Pieces {
        Pieces(text) { JSONArrayElements($0, bytesMax: bytesMax) }
    }

    @Test(
        arguments: [
            ("[]", []), ("\u{feff}[1]", ["1"]), (" [ \n] ", []), ("[1]", ["1"]), ("[1,2]", ["1", "2"]),
            ("[ {\"a\": [1, {\"b\":\"]\"}]} , \"x,\\\"]\" ]\n", [#"{"a": [1, {"b":"]"}]}"#, #""x,\"]""#]),
            ("[[],[[]],{}]", ["[]", "[[]]", "{}"]), ("[1.50e+3,true\n]", ["1.50e+3", "true"]),
            ("[\"\\\\\",\"ä\"]", [#""\\""#, "\"ä\""]),
        ]
    )
    func `the elements come as their bytes stand`(text: String, elements: [String]) {
        let result = read(text)
        #expect(result.texts == elements)
        #expect(result.numbers == Array(1..<1 + elements.count))
        #expect(result.failure == nil)
    }

    @Test(
        arguments: [
            ("", 1, "the end, and no array at byte 1"), ("{\"a\":1}", 1, "no array begins at byte 1"),
            ("[1,2", 2, "no end of the array at byte 5"), ("[1,]", 2, "no value at byte 4"),
            ("[,1]", 1, "no value at byte 2"), ("[1] x", 2, "more after the array's end at byte 5"),
            ("[1,{\"a\":tru},3]", 2, "an unknown word at byte 9"), ("[1 2]", 1, "more after the end at byte 4"),
            ("[1,}]", 2, "no value at byte 4"), ("[{\"a\":1],2]", 1, "no comma and no end of the object at byte 8"),
            ("[1,\"abc", 2, "no end of the array"), ("[1,01]", 2, "more after the end at byte 5"),
        ]
    )
    func `a flaw is named with its element and byte`(text: String, number: Int, reason: String) {
        let failure = read(text).failure
        #expect(failure?.number == number)
        #expect(failure?.reason.contains(reason) == true, "\(failure?.reason ?? "nothing")")
    }

    @Test func `an element has a bound, and a flaw that made it so long is named instead`() {
        let long = "\"" + String(repeating: "x", count: 98) + "\""
        #expect(read("[1,\(long),2]").texts.count == 3)
        let longer = read("[1,\"x" + long.dropFirst() + ",2]").failure
        #expect(longer?.number == 2)
        #expect(longer?.reason == "is longer than 100 bytes; it begins at byte 4")
        let unclosed = read("[1,{\"a\" 1, \"b\": \"" + String(repeating: "y", count: 200) + "\"}]").failure
        #expect(unclosed?.reason == "is not JSON: no colon after a name at byte 9")
    }

    @Test func `how deep an element may be is bounded`() {
        let deep = String(repeating: "[", count: 513) + String(repeating: "]", count: 513)
        let failure = read("[\(deep)]", bytesMax: 10_000).failure
        #expect(failure?.number == 1)
        #expect(failure?.reason.contains("more than 512 levels") == true)
    }

    @Test func `it does not matter where the input is cut`() {
        let text = "[{\"a\":[1,\"]\\\"\"]} ,\n\"ä,\\\\\", 3.5 ]\n"
        let whole = read(text)
        #expect(whole.texts == [#"{"a":[1,"]\""]}"#, #""ä,\\""#, "3.5"])
        for cut in Pieces.ofEveryCut(text, { JSONArrayElements($0, bytesMax: 100) }) { #expect(cut == whole) }
    }
}
