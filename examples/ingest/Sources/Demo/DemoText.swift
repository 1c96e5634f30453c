import Millpond

/// The demo's result, for people and for programs.
enum DemoText {
    static func print(_ result: DemoResult, _ plan: DemoPlan, on terminal: Terminal) throws {
        try terminal.print(ReportText.totals(result.totals, numbers(result, plan), on: terminal))
        try terminal.print("\n" + ReportText.answers(result.answers, on: terminal))
        if let check = result.check { try terminal.print("\n" + text(of: check, on: terminal)) }
        var sheet = Sheet()
        sheet.add("fingerprint of all rows", result.fingerprint)
        sheet.add("rows", "\(plan.rowsFile) · look again with: ingest report \(plan.rowsFile)")
        try terminal.print("\n" + sheet.text(for: terminal))
    }

    private static func numbers(_ result: DemoResult, _ plan: DemoPlan) -> [(name: String, value: Table.Cell)] {
        var numbers: [(name: String, value: Table.Cell)] = [
            ("jobs done", .count(result.done)), ("jobs/s", .count(Int(result.jobsPerSecond.rounded()))),
            ("elapsed", .text(result.elapsed.human)), ("retries", .count(result.retries)),
            ("recoveries", .count(result.recoveries)),
        ]
        if plan.isChaos {
            numbers.append(("workers killed", .count(result.kills)))
            numbers.append(("times the folder was enqueued", .count(result.rounds)))
            numbers.append(("dead of three kills, sent back", .count(result.revived)))
        }
        numbers.append(("dead", .count(result.dead.reduce(0) { $0 + $1.jobs })))
        for (cause, jobs) in result.dead { numbers.append(("  \(cause)", .count(jobs, .red))) }
        numbers.append(("lost", .count(result.lost, result.lost > 0 ? .red : nil)))
        return numbers
    }

    private static func text(of check: RowCheck, on terminal: Terminal) -> String {
        var table = Table([.text("check"), .number("rows"), .number("find, zcat, wc"), .text("")])
        for line in check.lines {
            let verdict: Table.Cell = line.isEqual ? .text("equal", .green) : .text("NOT EQUAL", .red)
            table.add([.text(line.name), .count(line.rows), .count(line.counted), verdict])
        }
        return table.text(for: terminal)
    }

    static func document(_ result: DemoResult, _ plan: DemoPlan) -> JSONDocument {
        var members = ReportText.members(result.totals)
        members += [
            ("jobs_done", .count(result.done)),
            ("jobs_per_second", .double((result.jobsPerSecond * 10).rounded() / 10)),
            ("elapsed_s", .seconds(result.elapsed)), ("retries", .count(result.retries)),
            ("recoveries", .count(result.recoveries)), ("kills", .count(result.kills)),
            ("rounds", .count(result.rounds)), ("revived", .count(result.revived)),
            ("dead", .object(result.dead.map { ($0.cause, JSONValue.count($0.jobs)) })), ("lost", .count(result.lost)),
        ]
        members += ReportText.members(result.answers)
        let check = result.check?.lines.map { line -> JSONValue in
            .object([
                ("name", .string(line.name)), ("rows", .count(line.rows)), ("counted", .count(line.counted)),
                ("equal", .bool(line.isEqual)),
            ])
        }
        members += [
            ("check", check.map { .array($0) } ?? .null), ("fingerprint", .string(result.fingerprint)),
            ("rows_file", .string(plan.rowsFile)),
        ]
        return JSONDocument(kind: "DemoReport", members)
    }
}
