// The first process of a container is its init: orphans become its children, and whoever does not reap them fills the
// table of processes. This program cannot reap what it did not start, because the status of a child that somebody else
// reaped is lost to whoever waits for it. So when it is the first process, it starts itself once more as a child, does
// nothing but pass signals on and reap, and ends as that child ended. The idea is that of tini.

import Glibc
import PondProcess

/// This program as the init of a container.
package enum InitProcess {
    /// Set to `off`, a program that is the first process works itself, and somebody else has to reap.
    package static let variable = "MILLPOND_INIT"

    /// When this is the first process: runs the program as a child, and ends the process as that one ends.
    ///
    /// Returns at once otherwise. To be called before anything else: there is one thread, and nothing is open.
    package static func takeOver() {
        guard getpid() == 1, getenv(variable).map({ String(cString: $0) }) != "off" else { return }
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        for signal in [SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS] { sigdelset(&all, signal) }
        // The first process hears no signal that it has no action for, but one that is blocked waits for it.
        pthread_sigmask(SIG_BLOCK, &all, &before)
        guard let child = spawn(mask: &before) else {
            pthread_sigmask(SIG_SETMASK, &before, nil)
            return
        }
        exit(serve(child, &all))
    }

    /// Starts this program again, in a process group of its own.
    ///
    /// Ctrl-C is then for that group alone, and does not come a second time by way of this process.
    private static func spawn(mask: inout sigset_t) -> Int32? {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
        guard let environment = SmallFile.bytes("/proc/self/environ", atMost: 4 << 20) else { return nil }
        var words = environment.split(separator: 0).map { strdup(String(decoding: $0, as: UTF8.self)) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, "/proc/self/exe", nil, &attributes, CommandLine.unsafeArgv, words)
        guard result == 0 else {
            // It then works as it did before there was this: only orphans are left unreaped.
            return nil
        }
        if isatty(0) == 1 {
            tcsetpgrp(0, pid)
            // It may have asked the terminal too early, and was stopped for it.
            kill(-pid, SIGCONT)
        }
        return pid
    }

    /// Passes signals on and reaps until the child has ended.
    ///
    /// - Returns: the exit code: the child's own, or 128 and the signal that ended it.
    private static func serve(_ child: Int32, _ signals: inout sigset_t) -> Int32 {
        while true {
            var information = siginfo_t()
            let signal = sigwaitinfo(&signals, &information)
            if signal < 0 { continue }
            guard signal == SIGCHLD else {
                if ![SIGTTIN, SIGTTOU, SIGTSTP, SIGURG].contains(signal) { kill(child, signal) }
                continue
            }
            if let status = reap(child) { return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f }
        }
    }

    /// Reaps all that has ended; in this process nobody else waits for anybody.
    ///
    /// - Returns: the status of the child, when it has ended.
    private static func reap(_ child: Int32) -> Int32? {
        var found: Int32?
        while true {
            var status: Int32 = 0
            let pid = waitpid(-1, &status, WNOHANG)
            if pid == child { found = status }
            if pid <= 0 { return found }
        }
    }
}
