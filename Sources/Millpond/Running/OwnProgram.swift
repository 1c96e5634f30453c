import Glibc

/// The file that this process was started from.
package enum OwnProgram {
    /// Its path, as it is now.
    ///
    /// A file that is put in its place later is what a rolling restart then starts.
    package static func path() throws(CommandFailure) -> String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { readlink("/proc/self/exe", $0, bytes.count) } ?? -1
        }
        guard count > 0 else {
            throw CommandFailure(
                .failure,
                "cannot find this program's own file: /proc/self/exe: \(String(cString: strerror(errno)))",
                hint: "mount /proc, or name the workers' program after --"
            )
        }
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }
}
