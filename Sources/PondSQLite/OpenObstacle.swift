import Glibc

/// What stands in the way of opening a file, which SQLite does not say.
enum OpenObstacle {
    /// The obstacle and the next step, nil when none is seen.
    static func find(_ path: String) -> String? {
        let folder = folder(of: path)
        if access(folder, F_OK) != 0 { return "the folder \(folder) does not exist or cannot be entered; create it" }
        var information = stat()
        if stat(path, &information) == 0 {
            if information.st_mode & S_IFMT == S_IFDIR { return "it is a folder; name a file" }
            if access(path, R_OK | W_OK) != 0 { return "\(reason); give this user the right to read and write it" }
        }
        // A journal is made beside the file, so the folder has to be writable even when the file exists.
        if access(folder, W_OK | X_OK) != 0 {
            return "no file can be made in the folder \(folder) (\(reason)); make it writable or name another place"
        }
        return nil
    }

    private static var reason: String { String(cString: strerror(errno)) }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
