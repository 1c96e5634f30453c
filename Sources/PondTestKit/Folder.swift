import Glibc

/// A folder of a test's own, gone with all that is in it when the test is over.
package func withFolder<T>(
    isolation: isolated (any Actor)? = #isolation,
    _ body: (String) async throws -> T
) async throws -> T {
    var template = Array("/tmp/pond-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw NoFolder(code: errno) }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { removeFolder(path) }
    return try await body(path)
}

/// There is no place for a folder.
package struct NoFolder: Error {
    /// The system's reason.
    package let code: Int32
}

private func removeFolder(_ path: String) {
    guard let folder = opendir(path) else { return }
    defer {
        closedir(folder)
        rmdir(path)
    }
    while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != "." && name != ".." { unlink("\(path)/\(name)") }
    }
}
