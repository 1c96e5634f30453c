// The regular files below a folder, as `find DIR -type f` lists them: symlinks are not followed, so that no file comes
// twice by two ways and no ring catches the walk; a file with two hard links is two documents.

import Glibc

/// A walk through a folder, a batch at a time.
package struct FolderWalk: Sendable {
    /// A folder that could not be read, and why.
    package struct Obstacle: Sendable, Hashable {
        package let path: DocumentPath
        package let reason: String
    }

    private var folders: [[UInt8]]
    private var found: [DocumentPath] = []
    /// The folders that could not be read so far; `find` says the same on standard error.
    package private(set) var obstacles: [Obstacle] = []

    /// - Parameter root: the folder, with a path that all paths then begin with.
    package init(_ root: String) {
        folders = [Array(root.utf8)]
    }

    /// The next files, at most `count`; none when the walk is over.
    ///
    /// Blocks its thread.
    package mutating func next(_ count: Int) -> [DocumentPath] {
        while found.count < count, let folder = folders.popLast() { list(folder) }
        let batch = Array(found.suffix(count))
        found.removeLast(batch.count)
        return batch
    }

    private mutating func list(_ path: [UInt8]) {
        let folder = DocumentPath(path)
        guard let handle = folder.withCString({ opendir($0) }) else {
            obstacles.append(Obstacle(path: folder, reason: String(cString: strerror(errno))))
            return
        }
        defer { closedir(handle) }
        errno = 0
        while let entry = readdir(handle) {
            let name = FolderWalk.name(of: entry)
            if name != [UInt8(ascii: ".")], name != [UInt8(ascii: "."), UInt8(ascii: ".")] {
                let separator: [UInt8] = path.last == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]
                add(path + separator + name, kind: Int32(entry.pointee.d_type))
            }
            errno = 0
        }
        if errno != 0 { obstacles.append(Obstacle(path: folder, reason: String(cString: strerror(errno)))) }
    }

    private mutating func add(_ path: [UInt8], kind: Int32) {
        switch kind == Int32(DT_UNKNOWN) ? FolderWalk.kind(of: path) : kind {
        case Int32(DT_DIR): folders.append(path)
        case Int32(DT_REG): found.append(DocumentPath(path))
        default: break
        }
    }

    /// For file systems that do not say it in the folder.
    private static func kind(of path: [UInt8]) -> Int32 {
        var information = stat()
        guard DocumentPath(path).withCString({ lstat($0, &information) }) == 0 else { return Int32(DT_UNKNOWN) }
        switch information.st_mode & S_IFMT {
        case S_IFDIR: return Int32(DT_DIR)
        case S_IFREG: return Int32(DT_REG)
        default: return Int32(DT_UNKNOWN)
        }
    }

    private static func name(of entry: UnsafeMutablePointer<dirent>) -> [UInt8] {
        let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) ?? 0
        let name = UnsafeRawPointer(entry).advanced(by: offset)
        return Array(UnsafeRawBufferPointer(start: name, count: strlen(name.assumingMemoryBound(to: CChar.self))))
    }
}
