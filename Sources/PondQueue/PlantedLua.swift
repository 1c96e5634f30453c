#if PLANTED_BUGS
import PondCore

/// Plants a mistake in the library's text, so that the chaos checker can be checked; see `PlantedBug`.
enum PlantedLua {
    /// The text with the mistake that this process was asked to make, unchanged without one.
    static func plant(in text: String) -> String {
        guard let bug = PlantedBug.active else { return text }
        var planted = text
        for (right, wrong) in changes(bug) {
            // A plant that does not take would be a bug that nobody could catch.
            precondition(planted.contains(right), "\(bug.rawValue) cannot be planted, the library has no: \(right)")
            planted = planted.replacing(right, with: wrong)
        }
        return planted
    }

    private static func changes(_ bug: PlantedBug) -> [(right: String, wrong: String)] {
        switch bug {
        case .promoteRemovesFirst:
            [
                (
                    "    local landed, failure = readd(keys, home_code(id), id, fields)",
                    "    end_held(keys, id)\n    local landed, failure = readd(keys, home_code(id), id, fields)"
                )
            ]
        case .deleteConsumerAtShutdown:
            [("        if pending_of(keys[CODES[i]], consumer) > 0 then return false end\n", "")]
        case .noFence:
            [
                ("    if context.owned[code][entry] then\n", "    if true then\n"),
                ("        if owned[entry] then\n", "        if true then\n"),
            ]
        case .trimmedStream:
            [("redis.pcall('XADD', keys[code], '*',", "redis.pcall('XADD', keys[code], 'MAXLEN', 100, '*',")]
        case .groupAtEnd:
            [("key, GROUP, '0', 'MKSTREAM'", "key, GROUP, '$', 'MKSTREAM'")]
        case .earlyPromotion:
            [
                ("keys.due, '-inf', int(now), 'BYSCORE'", "keys.due, '-inf', int(now + 1000), 'BYSCORE'"),
                ("return due ~= nil and due <= now", "return due ~= nil and due <= now + 1000"),
            ]
        case .recodedPayload:
            [
                (
                    "    redis.call('HSET', keys.held, id, cmsgpack.pack(fields))\n",
                    """
                        for i = 1, #fields, 2 do
                            if fields[i] == 'data' then fields[i + 1] = cjson.encode(cjson.decode(fields[i + 1])) end
                        end
                        redis.call('HSET', keys.held, id, cmsgpack.pack(fields))

                    """
                )
            ]
        case .shortTombstone:
            // The first second after its hash was made; later tombstones of the same hash do not prolong it.
            [
                (
                    "redis.call('PEXPIREAT', hash, int(expires))",
                    "if redis.call('PTTL', hash) < 0 then redis.call('PEXPIREAT', hash, int(now + 1000)) end"
                )
            ]
        case .commitWithoutFence, .lateUndoForgotten, .timerLost, .joinCountedTwice, .undoOrder, .tokenTwice:
            changesOfSagas(bug)
        case .floatDrift, .doubleRefund, .checkThenAct: changesOfBudgets(bug)
        case .ackBeforeEffect, .noLifeline, .wedgedFetch, .unrecordedUndo: []
        }
    }

    private static func changesOfBudgets(_ bug: PlantedBug) -> [(right: String, wrong: String)] {
        switch bug {
        case .floatDrift:
            // Dollars as a fraction, added up and brought back.
            [
                (
                    "redis.call('HINCRBY', keys.budget .. name, sum, int(by))",
                    """
                    redis.call('HSET', keys.budget .. name, sum,
                        int(math.floor((tonumber(redis.call('HGET', keys.budget .. name, sum) or '0') / 1000000 + by / 1000000) * 1000000)))
                    """
                )
            ]
        case .doubleRefund:
            [
                (
                    "record.s, record.b, record.v, record.t = state, booked, nil, nil",
                    "record.s, record.b = op == 'refund' and 'h' or state, booked"
                )
            ]
        case .checkThenAct:
            // What others hold was looked at before they had it.
            [("if wanted > room - budget.res[i] then", "if wanted > room then")]
        default: []
        }
    }

    private static func changesOfSagas(_ bug: PlantedBug) -> [(right: String, wrong: String)] {
        switch bug {
        case .commitWithoutFence:
            [
                (
                    "    if not saga.is_own(keys, args[1], args[2], args[3], args[4]) then\n        for i = 1, #records do",
                    "    if false then\n        for i = 1, #records do"
                )
            ]
        case .lateUndoForgotten:
            [("if late then saga.flag(step, 'l') end", "if late then saga.flag(step, 'l') step.undo = 'n' end")]
        case .timerLost:
            // Timers of the fleet end with a worker of it.
            [
                (
                    "    local left = RECLAIM_BATCH_MAX\n",
                    "    redis.call('DEL', keys.waits)\n    local left = RECLAIM_BATCH_MAX\n"
                )
            ]
        case .joinCountedTwice:
            [("redis.call('HINCRBY', key, counted, 1)", "redis.call('HINCRBY', key, counted, 2)")]
        case .undoOrder:
            [("    if last and step.seq > last and not saga.has(step, 'l') then\n", "    if false then\n")]
        case .tokenTwice:
            [
                (
                    "    if token[4] then return token[4] == how and token[5] == bytes and 'same' or 'conflict' end\n",
                    ""
                ),
                (
                    "    if not step or (step.state ~= 'r' and step.state ~= 'w' and step.state ~= 't') then return 'void' end\n",
                    ""
                ),
            ]
        default: []
        }
    }
}
#endif
