import Glibc
import Testing

import Millpond

@Suite struct StartPagesTests {
    @Test func `only code of files is given back`() throws {
        let code = try #require(
            StartPages.codeOfFile("7f10000000-7f10021000 r-xp 00001000 fe:00 12345    /usr/lib/a name.so")
        )
        #expect(code.start == 0x7f_1000_0000)
        #expect(code.length == 0x21000)
    }

    @Test(arguments: [
        "7f10000000-7f10021000 r--p 00001000 fe:00 12345    /usr/lib/a.so",
        "7f10000000-7f10021000 rw-p 00001000 fe:00 12345    /usr/lib/a.so",
        "7f10000000-7f10021000 rwxp 00000000 00:00 0 ",
        "7ffd0000-7ffd2000 r-xp 00000000 00:00 0    [vdso]",
        "7f10000000 r-xp 00001000 fe:00 12345    /usr/lib/a.so",
        "7f10021000-7f10000000 r-xp 00001000 fe:00 12345    /usr/lib/a.so",
        "",
    ])
    func `everything else stays`(line: String) {
        #expect(StartPages.codeOfFile(line[...]) == nil)
    }

    @Test func `what the process has resident falls, and it goes on`() throws {
        let before = try residentPages()
        StartPages.release()
        #expect(try residentPages() < before)
        #expect([3, 1, 2].sorted() == [1, 2, 3])
    }

    private func residentPages() throws -> Int {
        let text = String(decoding: try BoundedFile.read("/proc/self/statm", atMost: 4_096), as: UTF8.self)
        return try #require(Int(text.split(separator: " ")[1]))
    }
}
