import Glibc

/// Cleans up after a run that died: a shell that waits for the end of this process, then kills whatever carries the
/// run's mark, unmounts the small disk and removes the folder.
package final class RunGuardian: Sendable {
    private let shell: ChildProgram

    /// - Parameters:
    ///   - mark: `NAME=VALUE`, as it stands in the environment of the run's processes.
    ///   - keepsFolder: whether the history stays for a person to read.
    package init(mark: String, folder: String, keepsFolder: Bool) throws {
        // A line means an orderly end: then nothing is left to kill. Redis writes its title over its environment, so it
        // is known by the file of its number.
        let script = """
            read -r word
            if [ -z "$word" ]; then
                for round in 1 2 3; do
                    [ -s "$1/redis.pid" ] && kill -KILL "$(cat "$1/redis.pid")" 2>/dev/null
                    for place in /proc/[0-9]*; do
                        if tr '\\0' '\\n' <"$place/environ" 2>/dev/null | grep -qxF "$0"; then
                            kill -KILL "${place#/proc/}" 2>/dev/null
                        fi
                    done
                    sleep 0.2
                done
            fi
            umount -l "$1/disk" 2>/dev/null
            [ "$2" = keep ] || rm -rf "$1"
            """
        shell = try ChildProgram(
            "the guardian",
            ["/bin/sh", "-c", script, mark, folder, keepsFolder ? "keep" : "remove"],
            hasLifeline: true
        )
    }

    /// Tells it that the run has ended in order, and waits until the folder is gone.
    package func end() async throws {
        shell.say("end\n")
        _ = try await shell.ends(within: .seconds(10))
    }
}

extension ChildProgram {
    /// Writes to its standard input.
    package func say(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(input, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}
