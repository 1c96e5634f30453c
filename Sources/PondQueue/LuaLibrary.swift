// The function library that makes every change of a queue's state: its text, its version, and how it gets to a server.

/// The `millpond` function library.
package enum LuaLibrary {
    /// The wire format that this program speaks.
    ///
    /// A server with a newer one is refused.
    package static let format = 1
    /// Raised with every change of the text.
    ///
    /// A server with an older one gets this one.
    package static let revision = 26

    /// What `FUNCTION LOAD` is given: the shared parts, then each function in a scope of its own, because Lua allows
    /// 200 local names in one.
    ///
    /// A shared part that says what it exports has a scope of its own, too.
    package static let text: String = {
        let shared = [
            PackageResources._names_lua, PackageResources._jobs_lua, PackageResources._journal_lua,
            PackageResources._slo_lua, PackageResources._streams_lua, PackageResources._places_lua,
            PackageResources._keys_lua, PackageResources._groups_lua, PackageResources._limits_lua,
            PackageResources._lanes_lua, PackageResources._saga_lua,
            PackageResources._saga_moves_lua, PackageResources._saga_again_lua, PackageResources._joins_lua,
            PackageResources._dead_lua,
            PackageResources._due_lua, PackageResources._revive_lua,
            PackageResources._fleet_lua, PackageResources._ledger_lua, PackageResources._enqueue_lua,
        ]
        let functions = [
            PackageResources.pond_version_lua, PackageResources.pond_open_lua, PackageResources.pond_enqueue_lua,
            PackageResources.pond_fetch_lua, PackageResources.pond_settle_lua, PackageResources.pond_promote_lua,
            PackageResources.pond_beat_lua, PackageResources.pond_reclaim_lua, PackageResources.pond_leave_lua,
            PackageResources.pond_owned_lua, PackageResources.pond_bury_oversized_lua,
            PackageResources.pond_job_lua, PackageResources.pond_cancel_lua,
            PackageResources.pond_why_lua,
            PackageResources.pond_depth_lua, PackageResources.pond_dead_lua, PackageResources.pond_revive_lua,
            PackageResources.pond_discard_lua, PackageResources.pond_pause_lua, PackageResources.pond_causes_lua,
            PackageResources.pond_dead_ids_lua, PackageResources.pond_claim_lua, PackageResources.pond_key_lua,
            PackageResources.pond_scale_lua, PackageResources.pond_fleet_lua, PackageResources.pond_fleet_beat_lua,
            PackageResources.pond_fleet_plan_lua, PackageResources.pond_fleet_order_lua,
            PackageResources.pond_fleet_leave_lua, PackageResources.pond_export_lua, PackageResources.pond_import_lua,
            PackageResources.pond_measure_lua, PackageResources.pond_target_lua, PackageResources.pond_slo_lua,
            PackageResources.pond_groups_lua, PackageResources.pond_group_ids_lua,
            PackageResources.pond_group_state_lua, PackageResources.pond_audit_lua, PackageResources.pond_fates_lua,
            PackageResources.pond_compensate_lua, PackageResources.pond_dead_kinds_lua,
            PackageResources.pond_places_lua,
            PackageResources.pond_purge_lua, PackageResources.pond_delete_lua,
            PackageResources.pond_step_lua, PackageResources.pond_wait_lua, PackageResources.pond_resolve_lua,
            PackageResources.pond_undo_lua, PackageResources.pond_saga_lua, PackageResources.pond_sagas_lua,
            PackageResources.pond_pause_saga_lua, PackageResources.pond_resume_saga_lua,
            PackageResources.pond_children_lua,
            PackageResources.pond_saga_resolve_lua, PackageResources.pond_fork_lua,
            PackageResources.pond_limit_lua, PackageResources.pond_limits_lua, PackageResources.pond_admit_lua,
            PackageResources.pond_ledger_lua, PackageResources.pond_wake_lua,
        ]
        let bodies = functions.map { "do\n\(String(decoding: $0, as: UTF8.self))\nend\n" }
        let text =
            "#!lua name=millpond\n" + shared.map { scoped(String(decoding: $0, as: UTF8.self)) }.joined()
            + bodies.joined()
        #if PLANTED_BUGS
        return PlantedLua.plant(in: text)
        #else
        return text
        #endif
    }()

    /// A part whose head names what it exports, in lines `-- Exports: NAME …`, with all its other names hidden; and one that
    /// only adds to the table of another, `-- Adds to: NAME`.
    private static func scoped(_ part: String) -> String {
        if part.hasPrefix("-- Adds to: ") { return "do\n\(part)\nend\n" }
        let mark = "-- Exports: "
        var names: [Substring] = []
        var rest = part[...]
        // Line by line, because the rest of a part is long and every worker comes here when it starts.
        while rest.hasPrefix(mark), let end = rest.utf8.firstIndex(of: UInt8(ascii: "\n")) {
            names += rest[..<end].dropFirst(mark.count).split(separator: " ")
            rest = rest[rest.index(after: end)...]
        }
        return names.isEmpty ? part : "local \(names.joined(separator: ", "))\ndo\n\(part)\nend\n"
    }

    /// What a server's `pond_version` answers.
    package struct Version: Sendable, Hashable, CustomStringConvertible {
        /// The wire format.
        package let format: Int
        /// The state of the library's text.
        package let revision: Int

        /// The version of this program's own library.
        package static let own = Version(format: LuaLibrary.format, revision: LuaLibrary.revision)

        package var description: String { "format \(format), revision \(revision)" }
    }

    /// What to do about a server's library.
    enum Step: Hashable {
        /// It serves.
        case keep
        /// It is missing or older.
        case load
        /// It is of a format that this program does not speak.
        case refuse
    }

    /// A newer revision of the same format only adds, so an older program goes on beside it during a deploy.
    static func step(found: Version?) -> Step {
        guard let found else { return .load }
        if found.format > format { return .refuse }
        if found.format < format || found.revision < revision { return .load }
        return .keep
    }
}
