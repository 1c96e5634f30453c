import Glibc

/// A shell that outlives the test process by a moment: when its socket ends it kills the server and removes the files.
struct Guardian: Sendable {
    private let lifeline: Int32
    private let process: pid_t

    init(directory: String) throws {
        var ends: [Int32] = [0, 0]
        // A socket pair, because it is the one pair that this module can open with CLOEXEC in a single step: an end
        // that some other child inherits would keep the guardian waiting.
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw RedisServerError("no socket pair for a test's Redis: \(String(cString: strerror(errno)))")
        }
        // A line means an orderly end; end of file means that the test process died, perhaps just after it started a
        // server whose shell has not written its pid yet: hence the short sleep.
        let script = """
            if ! read -r word; then sleep 0.2; [ -s "$0/pid" ] && kill -KILL "$(cat "$0/pid")"; fi
            rm -rf "$0"
            """
        defer { close(ends[0]) }
        do {
            process = try Spawn.start(["/bin/sh", "-c", script, directory], standardInput: ends[0])
        } catch {
            close(ends[1])
            throw error
        }
        lifeline = ends[1]
    }

    func end() {
        _ = send(lifeline, "end\n", 4, Int32(MSG_NOSIGNAL))
        close(lifeline)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    }
}

/// Starts programs in a process group of their own, with a clean signal mask and default signal actions.
package enum Spawn {
    /// Starts `arguments[0]`, with the environment of this process; output goes nowhere unless `output` is given.
    package static func start(_ arguments: [String], standardInput: Int32? = nil, output: Int32? = nil) throws -> Int32
    {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let standardInput {
            posix_spawn_file_actions_adddup2(&actions, standardInput, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        for descriptor: Int32 in [1, 2] {
            if let output {
                posix_spawn_file_actions_adddup2(&actions, output, descriptor)
            } else {
                posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
            }
        }
        closeRestInChildren()
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETPGROUP)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var pointers = arguments.map { strdup($0) }
        pointers.append(nil)
        defer { pointers.forEach { free($0) } }
        var process = pid_t()
        let result = posix_spawn(&process, arguments[0], &actions, &attributes, pointers, environ)
        guard result == 0 else {
            throw RedisServerError("\(arguments[0]) did not start: \(String(cString: strerror(result)))")
        }
        return process
    }

    /// Keeps from children what this process has open.
    ///
    /// SwiftNIO accepts connections that a child would inherit; such a connection stays open when its owner here closes it.
    private static func closeRestInChildren() {
        for descriptor: Int32 in 3..<1_024 {
            let flags = fcntl(descriptor, F_GETFD)
            if flags >= 0, flags & FD_CLOEXEC == 0 { _ = fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) }
        }
    }

    /// Runs a short program to its end.
    static func run(_ arguments: [String]) throws {
        let process = try start(arguments)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else {
            throw RedisServerError("\(arguments.joined(separator: " ")) ended with wait status \(status)")
        }
    }
}

/// Whole small files, without Foundation.
enum FileBytes {
    static func read(_ path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer.prefix(count) }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "we") else {
            throw RedisServerError("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
        let bytes = Array(text.utf8)
        let count = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, count == bytes.count else { throw RedisServerError("\(path) was not written whole") }
    }
}
