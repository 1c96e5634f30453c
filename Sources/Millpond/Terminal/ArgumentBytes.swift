import Glibc

/// Arguments of a command line that are not UTF-8.
///
/// Swift would repair them: different names would become one, and a payload would be another than the one that was given.
package enum ArgumentBytes {
    /// What is wrong with the command line of this process; nil when all of it is UTF-8.
    static var flaw: CommandFailure? {
        let arguments = (1..<max(1, Int(CommandLine.argc))).compactMap { index in
            CommandLine.unsafeArgv[index].map { pointer in
                Array(UnsafeRawBufferPointer(start: pointer, count: strlen(pointer)))
            }
        }
        return flaw(in: arguments)
    }

    /// Names the first argument that is not UTF-8, by its place: what stands in it may be secret.
    ///
    /// - Parameter arguments: without the program's own name.
    package static func flaw(in arguments: [[UInt8]]) -> CommandFailure? {
        for (index, bytes) in arguments.enumerated() {
            guard let offset = firstFlaw(in: bytes) else { continue }
            let name = option(bytes.prefix(offset)).map { ", \($0)," } ?? after(index, arguments)
            return CommandFailure(
                .usage,
                "argument \(index + 1)\(name) is not valid UTF-8: its byte \(offset + 1) is 0x\(hex(bytes[offset]))",
                hint:
                    "names and keys have to be UTF-8; a payload of any bytes goes by --raw with --data @FILE, or --data - "
                    + "and standard input"
            )
        }
        return nil
    }

    private static func after(_ index: Int, _ arguments: [[UInt8]]) -> String {
        guard index > 0, !arguments[index - 1].contains(UInt8(ascii: "=")) else { return "" }
        return option(arguments[index - 1][...]).map { ", behind \($0)," } ?? ""
    }

    /// The long option that a text is, or begins with.
    private static func option(_ bytes: ArraySlice<UInt8>) -> String? {
        let name = bytes.prefix { $0 != UInt8(ascii: "=") }
        let isOption = name.starts(with: Array("--".utf8)) && name.count > 2 && name.count < 40
        guard isOption, name.allSatisfy({ (0x61...0x7a).contains($0) || $0 == UInt8(ascii: "-") }) else { return nil }
        return String(decoding: name, as: UTF8.self)
    }

    private static func firstFlaw(in bytes: [UInt8]) -> Int? {
        var parser = Unicode.UTF8.ForwardParser()
        var rest = bytes.makeIterator()
        var offset = 0
        while true {
            switch parser.parseScalar(from: &rest) {
            case .valid(let scalar): offset += scalar.count
            case .error: return offset
            case .emptyInput: return nil
            }
        }
    }

    private static func hex(_ byte: UInt8) -> String { String(byte, radix: 16) }
}
