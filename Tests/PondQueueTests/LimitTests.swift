import PondCore
import PondQueue
import Testing

/// The library repeats the bounds that it enforces, because Lua cannot read Swift; here both are compared.
@Suite struct LimitTests {
    /// `local NAME = 123` of the library's text.
    private static let constants: [String: Int64] = {
        var constants: [String: Int64] = [:]
        for line in LuaLibrary.text.split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true).drop { $0 == "local" }
            guard words.count >= 3, words.dropFirst().first == "=", let number = Int64(words.dropFirst(2).first ?? "")
            else { continue }
            constants[String(words.first ?? "")] = number
        }
        return constants
    }()

    @Test(arguments: [
        ("PAYLOAD_BYTES_MAX", Limits.payloadBytesMax),
        ("BUDGET_TEXT_BYTES_MAX", Limits.budgetTextBytesMax),
        ("BUDGET_NAME_BYTES_MAX", Limits.budgetNameBytesMax),
        ("RESERVATION_MS_MAX", Int(Limits.reservationTimeMax.wholeMilliseconds)),
        ("RESERVATION_ID_BYTES_MAX", Limits.reservationIDBytesMax),
        ("RESERVATIONS_MAX", Limits.reservationsMax),
        ("KIND_BYTES_MAX", Limits.kindBytesMax),
        ("FIELDS_MAX", Limits.fieldsMax),
        ("HEADER_VALUE_BYTES_MAX", Limits.headerValueBytesMax),
        ("ENTRY_BYTES_MAX", Limits.entryBytesMax),
        ("SETTLE_BATCH_MAX", Limits.settleBatchMax),
        ("CLAIM_BATCH_MAX", Limits.claimBatchMax),
        ("PROMOTE_BATCH_MAX", Limits.promoteBatchMax),
        ("RECLAIM_BATCH_MAX", Limits.reclaimBatchMax),
        ("ERROR_TEXT_BYTES_MAX", Limits.errorTextBytesMax),
        ("LAST_ERROR_BYTES_MAX", Limits.lastErrorBytesMax),
        ("JOURNAL_ENTRIES_MAX", Limits.journalEntriesMax),
        ("JOURNAL_EVENTS_MAX", Limits.journalEventsMax),
        ("JOURNAL_BYTES_MAX", Limits.journalBytesMax),
        ("JOURNAL_BYTES_MIN", Limits.journalBytesMin),
        ("TIME_MS_MIN", Int(Limits.earliestTime.milliseconds)),
        ("RECOVERY_WINDOW_MS", Int(Limits.recoveryWindow.wholeMilliseconds)),
        ("FACTS_BYTES_MAX", Limits.factsBytesMax),
        ("DEAD_MAX", Limits.deadMax),
        ("AUDIT_ENTRIES_MAX", Limits.auditEntriesMax),
        ("GROUPS_MAX", Limits.groupsMax),
        ("GROUP_KINDS_MAX", Limits.groupKindsMax),
        ("GROUP_TITLE_BYTES_MAX", Limits.rootCauseTitleBytesMax),
        ("DELAY_MS_MAX", Int(Limits.delayMax.wholeMilliseconds)),
        ("KEY_BYTES_MAX", Limits.keyBytesMax),
        ("KEY_WINDOW_MS_DEFAULT", Int(Limits.keyWindowDefault.wholeMilliseconds)),
        ("KEY_STEPS_PER_WINDOW", Limits.keyStepsPerWindow),
        ("RESULT_BYTES_MAX", Limits.resultBytesMax),
        ("MONEY_MICROS_MAX", Int(Limits.moneyMax.micros)),
        ("REVIVE_MAX", Limits.deadBatchMax),
        ("DISCARD_MAX", Limits.deadBatchMax),
        ("saga.STEPS_MAX", Limits.sagaStepsMax),
        ("saga.RESULTS_BYTES_MAX", Limits.sagaResultsBytesMax),
        ("saga.PARKS_MAX", Limits.sagaParksMax),
        ("saga.SIGNALS_MAX", Limits.sagaSignalsMax),
        ("saga.SIGNALS_BYTES_MAX", Limits.sagaSignalsBytesMax),
        ("saga.DEPTH_MAX", Limits.sagaDepthMax),
        ("saga.NAME_BYTES_MAX", Limits.stepNameBytesMax),
        ("saga.KEPT_MS", Int(Limits.sagaKept.wholeMilliseconds)),
        ("joins.CHILDREN_MAX", Limits.sagaChildrenMax),
        ("joins.AT_ONCE_MAX", Limits.sagaChildrenAtOnceMax),
        ("joins.PAGE_MAX", Limits.sagaChildrenPageMax),
        ("saga.PAGE_MAX", Limits.sagaPageMax),
        ("WORKER_ALIVE_MS", Int(Limits.lease.wholeMilliseconds)),
        ("FORMAT", LuaLibrary.format),
        ("REVISION", LuaLibrary.revision),
    ])
    func `a bound of the library is the one of Limits`(name: String, limit: Int) throws {
        #expect(try #require(Self.constants[name], "the library has no constant \(name)") == limit)
    }

    @Test func `the library's own fields are the ones that PondCore knows`() throws {
        let text = LuaLibrary.text
        let start = try #require(text.firstRange(of: "local OWNED = {")).upperBound
        let table = text[start...].prefix { $0 != "}" }
        let names = table.split { !($0.isLetter || $0 == "_") }.filter { $0 != "true" }.map { String($0) }
        #expect(Set(names) == Set(WireField.allCases.filter(\.isOwnedByLibrary).map(\.rawValue)))
    }

    @Test func `the streams have the same codes and keys on both sides`() throws {
        for stream in ReadyStream.allCases {
            #expect(LuaLibrary.text.contains("\(stream.rawValue) = '\(stream.suffix)'"))
        }
    }

    @Test func `the group has one name on both sides`() {
        #expect(LuaLibrary.text.contains("local GROUP = 'mp'"))
    }

    @Test func `keys of a queue share its hash tag`() throws {
        let keys = Keys(queue: try QueueName("emails"), prefix: "app")
        #expect(keys.base == "app:{emails}")
        #expect(keys.ready(.normal) == "app:{emails}:ready")
        #expect(keys.ready(.high) == "app:{emails}:ready:high")
        #expect(keys.ready(.low) == "app:{emails}:ready:low")
        let names = [keys.dead, keys.causes, keys.meta, keys.beats, keys.workers, keys.journal, keys.wakeUp]
        #expect(
            names == ["dead", "causes", "meta", "beats", "workers", "journal", "bell"].map { "app:{emails}:\($0)" }
        )
        #expect(Keys.queues() == "mp:queues")
        #expect(Keys(queue: try QueueName("emails")).base == "mp:{emails}")
    }
}
