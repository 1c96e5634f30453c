import FoundationEssentials
import Millpond
import PondCore
import Testing

@Suite struct JSONDocumentTests {
    @Test func `the envelope comes first and members keep their order`() {
        let document = JSONDocument(
            kind: "JobList",
            items: [.object([("b", .int(1)), ("a", .null)])],
            [("total", .int(2))]
        )
        #expect(
            document.text == #"{"schema":"millpond/v1","kind":"JobList","items":[{"b":1,"a":null}],"total":2}"#
        )
    }

    @Test func `a value that encodes itself is written in the order in which it does so`() {
        struct Inner: Encodable {
            var z = [1, -2]
            var a: [String?] = ["x", nil]
            var none: Int?
        }
        struct Outer: Encodable {
            var name = "a\"b"
            var isOn = true
            var share = 0.5
            var big = UInt64.max
            var inner = Inner()
            var empty: [Int] = []
        }
        #expect(
            JSONDocument(kind: "T", of: Outer()).text
                == #"{"schema":"millpond/v1","kind":"T","name":"a\"b","isOn":true,"share":0.5,"#
                + #""big":9223372036854775807,"inner":{"z":[1,-2],"a":["x",null]},"empty":[]}"#
        )
    }

    @Test func `durations are seconds and moments are UTC`() {
        #expect(JSONValue.seconds(.milliseconds(1_250)).text == "1.25")
        #expect(JSONValue.seconds(.seconds(60)).text == "60")
        #expect(JSONValue.seconds(nil).text == "null")
        #expect(JSONValue.time(ServerTime(milliseconds: 0)).text == "\"1970-01-01T00:00:00Z\"")
        #expect(JSONValue.double(.infinity).text == "null")
    }

    @Test func `any text comes back as it was, and holds nothing that a terminal obeys`() throws {
        for text in ["", "a\"b\\c/d", "\u{1b}[31m\r\n\t\0", "\u{9b}\u{202e}\u{2028}", "日本 😀", "\u{e0001}"] {
            let json = JSONValue.string(text).text
            #expect(try JSONDecoder().decode(String.self, from: Data(json.utf8)) == text)
            #expect(!json.unicodeScalars.contains { $0.properties.generalCategory == .control })
        }
    }

    @Test func `bytes are a string when they are UTF-8 and base64 when they are not`() {
        let text = JSONValue.object([JSONValue.bytes("data", Array("{}".utf8))]).text
        #expect(text == #"{"data":"{}"}"#)
        for bytes: [UInt8] in [[0xff], [0xff, 0], [0xff, 0, 0x10], [0xff, 0xee, 0xdd, 0xcc]] {
            let text = JSONValue.object([JSONValue.bytes("data", bytes)]).text
            #expect(text == "{\"data_base64\":\"\(Data(bytes).base64EncodedString())\"}")
        }
    }
}

@Suite struct PrettyJSONTests {
    @Test func `an element a line, empty lists on one`() {
        let text = #" {"a":[1,{"b":null} ],"c" : {},"d":[ ],"e":"x{\"[,:\\"} "#
        #expect(
            PrettyJSON.text(of: Array(text.utf8)) == #"""
                {
                  "a": [
                    1,
                    {
                      "b": null
                    }
                  ],
                  "c": {},
                  "d": [],
                  "e": "x{\"[,:\\"
                }
                """#
        )
    }

    @Test(arguments: ["12345678901234567890.500e+10", "-0", "\"\\u00e4\"", "true", "[]"])
    func `values keep every character`(text: String) {
        #expect(PrettyJSON.text(of: Array(text.utf8)) == text)
    }

    @Test(arguments: ["", "{", "[1,]", "{\"a\":}", "01", "nul", "\"a\nb\"", "1 2", "{a:1}", "'a'"])
    func `what is no JSON is left alone`(text: String) {
        #expect(PrettyJSON.text(of: Array(text.utf8)) == nil)
    }

    @Test func `bytes that are no UTF-8 are no JSON, and depth is bounded`() {
        #expect(PrettyJSON.text(of: [0x22, 0xff, 0x22]) == nil)
        #expect(PrettyJSON.text(of: [UInt8](repeating: 0x5b, count: 100_000)) == nil)
    }
}
