// Lines that are almost messages: what the program meant is beyond doubt, and its work would be done again for nothing.

extension ExecMessage {
    private static let notANumber = "it is no JSON: NaN and Infinity are no numbers there"

    /// Reads a line whose only fault is that it has numbers in it that JSON has not, as Python writes them.
    ///
    /// - Returns: nil when it is no message for other reasons too.
    static func readLeniently(_ line: [UInt8]) -> (message: ExecMessage, id: String?)? {
        guard let mended = withoutOddNumbers(line) else { return nil }
        do throws(BridgeFailure) {
            let (message, id) = try read(mended)
            switch message {
            case .answer(.done(_, let time, _)):
                return (.answer(.done(result: nil, keptFor: time, dropped: notANumber)), id)
            case .enqueue(var child):
                child.flaw = "its data cannot be enqueued, because \(notANumber)"
                return (.enqueue(child), id)
            case .heartbeat, .answer: return (message, id)
            case .saga(.report(var report)):
                // It has happened, so it is not run again for that.
                (report.result, report.dropped) = (nil, notANumber)
                return (.saga(.report(report)), id)
            // Nobody knows how much money it meant, or on what a step depends.
            case .spend, .kinds, .limit, .saga, .ledger: return nil
            }
        } catch {
            return nil
        }
    }

    /// The start of a line that is too long, as the answer that it would have been; nil when it is no end of a job.
    static func cutAnswer(_ start: [UInt8]) -> [UInt8]? {
        let text = String(decoding: start.prefix(BridgeLimits.cutLineBytesMax), as: UTF8.self)
        // In the result anything may stand.
        let head = text.firstRange(of: "\"result").map { String(text[..<$0.lowerBound]) } ?? ""
        guard head.firstMatch(of: /"type"\s*:\s*"done"/) != nil else { return nil }
        var line = JSONLine()
        line.add("type", "done")
        line.add("id", head.firstMatch(of: /"id"\s*:\s*"([^"\\]*)"/).map { String($0.1) })
        line.add("result_dropped", "its line has more than \(BridgeLimits.lineBytesMax) bytes")
        return Array(line.end().dropLast())
    }

    /// The line with `null` for `NaN`, `Infinity` and `-Infinity`; nil when it has none of them.
    private static func withoutOddNumbers(_ line: [UInt8]) -> [UInt8]? {
        let words = ["NaN", "-Infinity", "Infinity"].map { Array($0.utf8) }
        var result: [UInt8] = []
        var (isInText, isEscaped, hasFound) = (false, false, false)
        var index = 0
        while index < line.count {
            let byte = line[index]
            if !isInText, let word = words.first(where: { line[index...].starts(with: $0) }) {
                result += Array("null".utf8)
                index += word.count
                hasFound = true
                continue
            }
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\"") {
                isInText.toggle()
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = isInText
            }
            result.append(byte)
            index += 1
        }
        return hasFound ? result : nil
    }
}
