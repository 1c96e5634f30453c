import PondQueue

/// The check of the function library.
enum DoctorLibrary {
    /// What was found, and whether the queues can be read through it.
    static func finding(_ pond: Pond) async -> (finding: DoctorFinding, isUsable: Bool) {
        let found: LuaLibrary.Version?
        do {
            found = try await pond.libraryVersion()
        } catch {
            return (failure(error), false)
        }
        let own = LuaLibrary.Version.own
        guard let found else {
            return (
                .warning(
                    "library",
                    "the function library is not loaded yet",
                    advice: "every worker loads it at its start; \(Action.loadFunctions.inSentence) does it now"
                ),
                false
            )
        }
        if found.format > own.format {
            return (
                .failure(
                    "library",
                    "the server has \(found), this program speaks format \(own.format)",
                    advice: "upgrade this program, or give it a Redis or a database of its own"
                ),
                false
            )
        }
        if found.format < own.format || found.revision < own.revision {
            return (
                .warning(
                    "library",
                    "the server has \(found), this program brings \(own)",
                    advice: "the next worker of this version loads it; \(Action.loadFunctions.inSentence) does it now"
                ),
                true
            )
        }
        let note = found.revision > own.revision ? ", newer than this program's; it serves both" : ""
        return (.ok("library", "\(found)\(note)"), true)
    }

    private static func failure(_ error: QueueError) -> DoctorFinding {
        if error.code == .unexpectedReply {
            return .failure(
                "library",
                error.message,
                advice: "another program loaded a library with Millpond's names; FUNCTION LIST shows it"
            )
        }
        return .unchecked("library", error.message)
    }
}
