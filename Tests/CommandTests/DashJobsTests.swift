import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue
import PondSaga
import Testing

@testable import pond

/// The screens of jobs and of the dead: what keys do, and what is drawn.
@Suite struct DashJobsTests {
    private func press(_ model: inout DashModel, _ keys: DashKey...) {
        for key in keys { _ = model.apply(key) }
    }

    private func opened(_ answer: DashAnswer, asked: String = "order-4711") -> DashModel {
        var model = DashFixture.model()
        model.type("4/" + asked)
        _ = model.apply(.enter)
        model.take(.answer(asked: asked, answer))
        return model
    }

    // MARK: Jobs

    @Test func `c cancels the job that is shown and R sends a dead one back, each after a yes`() {
        func report(_ reason: Reason) -> DashAnswer {
            let zero = ServerTime(milliseconds: 0)
            return .job(
                WhyReport(queue: "emails", id: JobID("17-1"), reason: reason, detail: "d", next: "n", now: zero)
            )
        }
        let job = DashJobAddress(queue: "emails", id: JobID("17-1"))
        var waiting = opened(report(.behindOthers))
        #expect(waiting.type("c") == nil && waiting.mode == .asking(.cancel(job)))
        #expect(waiting.type("n") == nil && waiting.mode == .normal)
        #expect(waiting.type("cy") == .cancel(job))
        #expect(waiting.type("R") == nil && waiting.complaint?.hasSuffix("only a dead job is sent back") == true)
        var dead = opened(report(.dead))
        #expect(dead.type("Ry") == .retry(job))
        #expect(dead.type("c") == nil && dead.complaint?.hasSuffix("there is nothing to cancel") == true)
    }

    @Test func `jobs in flight of which no worker tells are not called nothing`() {
        var model = DashFixture.model()
        model.type("4")
        model.take(.jobs(DashJobs(running: [], told: 0, inFlight: 1, events: [])))
        let lines = DashFixture.draw(model, 80, 24).texts
        #expect(lines[4].hasPrefix(" Running 1 in flight"))
        #expect(lines[6] == "   no worker has said yet what it runs")
    }

    @Test func `the header of 110 columns has the whole address`() {
        let lines = DashFixture.draw(DashFixture.model(), 110, 24).texts
        #expect(lines[0].contains(" 127.0.0.1:6379  "), "\(lines[0])")
    }

    @Test func `the screen asks for what it shows, and for nothing when it shows the look`() {
        var model = DashFixture.model()
        #expect(model.request.subject == .nothing)
        model.type("4")
        #expect(model.request.subject == .jobs && model.request.queues.map(\.name) == ["emails", "images", "reports"])
        model.type("/17-1")
        #expect(model.request.subject == .jobs)
        _ = model.apply(.enter)
        #expect(model.request.subject == .why("17-1"))
        let before = model.request
        #expect(model.type("r") == .refresh && model.request.differs(from: before))
        model.type("5")
        #expect(model.request.subject == .dead && model.trail.isEmpty)
        model.type("/im")
        _ = model.apply(.enter)
        #expect(model.request.queues.map(\.name) == ["images"])
        model.type("1")
        #expect(model.request.subject == .nothing)
    }

    @Test func `what runs and what just happened are there at 80×24`() {
        var model = DashFixture.model()
        model.type("4")
        let lines = DashFixture.draw(model, 80, 24).texts
        #expect(lines[2].hasPrefix("   Find press / and give a job's id"))
        #expect(lines[4].hasPrefix(" Running 5 in flight, workers tell of 3, the longest first ─"))
        #expect(lines[5] == "      FOR  JOB                     KIND       TRY DONE  WORKER")
        #expect(lines[6] == "▸   1m30s  emails/1800000000000-0  email.send   2  25%  host-0  asleep")
        #expect(lines[10].hasPrefix(" What just happened newest first"))
        #expect(
            lines[11].hasPrefix("  08:00:00 dead       emails/17-0   email.send  try 2  ran 350ms  failed  E-0a0…")
        )
        #expect(lines[22].contains(" emails/17-11") && lines[23].hasPrefix(" / find  j/k move  Enter why"))
    }

    @Test func `sagas stand between, those that want a person first, with until when and at which step`() {
        func saga(_ id: String, _ state: SagaRecord.State, _ ago: Int, step: String = "", due: Int? = nil) -> DashSaga {
            let now = DashFixture.start
            let saga = OpenSaga(
                id: JobID(id),
                state: state,
                since: now.advanced(by: .seconds(-ago)),
                kind: "order.ship",
                reason: state == .stuck ? "account: HTTP 410" : "",
                step: step,
                due: due.map { now.advanced(by: .seconds($0)) }
            )
            return DashSaga(saga, of: "emails", at: now)
        }
        var jobs = DashFixture.jobs()
        jobs.sagas = DashSaga.sorted([
            saga("5-0", .running, 1), saga("4-0", .waiting, 7_200, step: "cool-off", due: 3_600),
            saga("3-0", .waiting, 60, step: "payment", due: -5), saga("2-0", .stuck, 30),
        ])
        var model = DashFixture.model()
        model.take(.jobs(jobs))
        model.type("4")
        let lines = DashFixture.draw(model, 100, 30).texts
        let title = lines.firstIndex { $0.hasPrefix(" Sagas 1 running, 2 waiting, 1 stuck ─") }
        let top = title ?? 0
        #expect(
            title != nil && lines[top + 1].hasPrefix("  STATE       FOR  SAGA "),
            "\(lines.joined(separator: "\n"))"
        )
        #expect(
            lines[top + 2].contains("stuck") && lines[top + 2].contains("emails/2-0")
                && lines[top + 2].contains("HTTP 410")
        )
        #expect(
            lines[top + 3].contains("emails/4-0") && lines[top + 3].contains("1h")
                && lines[top + 3].contains("cool-off")
        )
        #expect(lines[top + 4].contains("overdue") && lines[top + 4].contains("payment"))
        model.type("jjj")
        #expect(model.jobRows[model.jobIndex].address == "emails/2-0")
        _ = model.apply(.enter)
        #expect(model.request.subject == .why("emails/2-0"))
        // On a small screen everything has a row.
        model = DashFixture.model()
        model.take(.jobs(jobs))
        model.type("4")
        let small = DashFixture.draw(model, 80, 24).whole
        #expect(
            small.contains("emails/2-0") && small.contains("emails/17-0") && small.contains("emails/1800000000000-0")
        )
    }

    @Test func `the longest name of an event has its room, here and in the tail`() {
        var jobs = DashFixture.jobs()
        let old = jobs.events[1]
        let event = JournalEvent(.compensated, JobID("17-1"), facts: JobFacts(kind: "email.send"))
        jobs.events[1] = TailEvent(queue: old.queue, entry: old.entry, time: old.time, by: "w", event: event)
        let lines = jobs.events.prefix(2).map { TailView(event: $0).line(for: Terminal { _, _ in }) }
        let width = JournalEvent.Kind.allCases.map(\.rawValue.count).max() ?? 0
        let dead = "dead" + String(repeating: " ", count: width - 4)
        let undone = "compensated" + String(repeating: " ", count: width - 11)
        #expect(lines[0].contains("  \(dead)  email.send") && lines[1].contains("  \(undone)  email.send"))
        var model = DashFixture.model()
        model.take(.jobs(jobs))
        model.type("4")
        let texts = DashFixture.draw(model, 80, 24).texts
        #expect(texts[11].hasPrefix("  08:00:00 dead         emails/17-0 "))
        #expect(texts[12].hasPrefix("  07:59:59 compensated  emails/17-1 "))
    }

    @Test func `the cursor stays on its job while others come, and Enter asks about it`() {
        var model = DashFixture.model()
        model.type("4jjjj")
        #expect(model.jobIndex == 4)
        var jobs = DashFixture.jobs()
        jobs.running.removeFirst()
        jobs.events = Array(jobs.events.dropFirst(0))
        model.take(.jobs(jobs))
        #expect(model.jobIndex == 3 && model.jobRows[3].address == "emails/17-1")
        _ = model.apply(.enter)
        #expect(model.request.subject == .why("emails/17-1"))
        model.take(.answer(asked: "emails/17-1", .job(DashFixture.report())))
        _ = model.apply(.escape)
        #expect(model.screen == .jobs && model.trail.isEmpty && model.jobIndex == 3)
        _ = model.apply(.end)
        #expect(model.jobIndex == 41)
        #expect(DashFixture.draw(model, 80, 24).whole.contains("▸ 07:59:21 dead       emails/17-39"))
        _ = model.apply(.escape)
        #expect(model.screen == .overview)
    }

    @Test func `an answer has the sentences of the command, whatever the width`() {
        let report = DashFixture.report()
        let view = WhyView(answer: WhyAnswer(asked: "x", isCorrelation: false, jobs: [report], total: 1))
        func words(_ text: String) -> [Substring] { text.split { $0 == " " || $0 == "\n" } }
        let command = words(view.text(for: Terminal { _, _ in }))
        for width in [40, 80, 200] {
            let lines = DashWhy.lines(report, width: width).map { $0.pieces.map(\.text).joined() }
            #expect(lines.allSatisfy { DisplayWidth.columns(of: $0) <= width })
            // What goes on in another line is said once.
            #expect(words(lines.joined(separator: "\n")) == command)
        }
    }

    @Test func `an id is typed or pasted, with blanks around it, and not asked for when it is empty`() {
        var model = DashFixture.model()
        model.type("4/")
        press(&model, .paste("  emails/17-1 \nrm -rf"), .enter)
        #expect(model.request.subject == .why("emails/17-1") && model.mode == .normal)
        model.type("/x")
        press(&model, .escape)
        model.type("/")
        press(&model, .enter)
        #expect(model.trail.map(\.asked) == ["emails/17-1"])
        press(&model, .escape, .paste("17-9"))
        #expect(model.trail.isEmpty && model.complaint?.contains("press /") == true)
        model.type("1:why order 4711")
        press(&model, .enter)
        #expect(model.screen == .jobs && model.request.subject == .why("order 4711"))
        model.type("/")
        press(&model, .paste(String(repeating: "é", count: 9_000)))
        let typed: String? = if case .search(let text) = model.mode { text } else { nil }
        #expect(typed?.isEmpty == false && typed!.utf8.count <= Limits.headerValueBytesMax + 3)
    }

    @Test func `of several jobs one is chosen, and Esc leads back to them`() {
        var model = opened(.intent(DashFixture.intent()))
        let lines = DashFixture.draw(model, 80, 24).texts
        #expect(lines[2] == "   Find order-4711" && lines[4].hasPrefix("  order-4711: 2 jobs in 1s; 2 done"))
        #expect(
            lines[6].hasPrefix("▸ email.send ") && lines[7].hasPrefix("  └─ email.send ")
                && lines[7].contains("emails/17-2")
        )
        model.type("jjj")
        press(&model, .enter)
        #expect(model.request.subject == .why("emails/17-2"))
        press(&model, .escape)
        #expect(model.request.subject == .why("order-4711") && model.trail.last?.row == 1)
        #expect(DashFixture.draw(opened(.intent(DashFixture.intent())), 120, 40).whole.contains("█"))
        var twice = opened(.jobs([DashFixture.report(), DashFixture.report(.running)]), asked: "17-1")
        #expect(DashFixture.draw(twice, 80, 24).whole.contains("2 queues have a job with this id"))
        twice.type("j")
        press(&twice, .enter)
        #expect(twice.request.subject == .why("emails/1800000000000-0"))
    }

    @Test func `a long answer is moved, but not away, and one that is late is not another's`() {
        var model = opened(.job(DashFixture.report()), asked: "17-1")
        model.pageRows = 18
        #expect(
            DashFixture.draw(model, 80, 24).text(4).hasPrefix("  emails/1800000000000-0  email.send  WAITING for 4m12s")
        )
        press(&model, .end)
        let end = DashFixture.draw(model, 80, 24)
        #expect(!end.whole.contains("WHY") && end.whole.contains("not seen"))
        press(&model, .home)
        #expect(DashFixture.draw(model, 80, 24).whole.contains("WHY   no_worker_for_kind: 3 workers serve"))
        press(&model, .escape)
        model.type("/17-2")
        press(&model, .enter)
        model.take(.answer(asked: "17-1", .job(DashFixture.report())))
        #expect(DashFixture.draw(model, 80, 24).whole.contains("Looking …"))
        model.take(.failed(.why("17-2"), "no queue is known"))
        #expect(DashFixture.draw(model, 80, 24).whole.contains("not read: no queue is known"))
    }

    // MARK: Dead

    @Test func `root causes stand in a list, by number or by the last death`() {
        var model = DashFixture.model()
        model.type("5")
        let lines = DashFixture.draw(model, 80, 24).texts
        #expect(lines[2] == "   DEAD  GROUP         LAST  LAST HOUR     STATE      WHAT")
        #expect(lines[3] == "▸   300  E-0a0b0c0d   2m09s  ▁▁▁▁▁▁▁▁▁▂▃█  regressed  connect bank refused 0")
        #expect(lines[19].hasPrefix(" E-0a0b0c0d 897 jobs of 3 root causes ─") && lines[22] == "  queues  emails 300")
        model.type("js")
        #expect(model.groups.map(\.id.text) == ["1a1b1c1d", "0a0b0c0d", "2a2b2c2d"])
        #expect(model.groupIndex == 0 && DashFixture.draw(model, 80, 24).whole.contains("s sort: last"))
        #expect(DashFixture.draw(model, 120, 40).text(2).contains("KINDS"))
        model.take(.dead(DashDead()))
        #expect(DashFixture.draw(model, 80, 24).whole.contains("nothing is dead"))
    }

    @Test func `a root cause is opened, one of its jobs too, and Esc leads back step by step`() throws {
        var model = DashFixture.model()
        model.type("5j")
        press(&model, .enter)
        let id = try #require(GroupID("1a1b1c1d"))
        #expect(model.request.subject == .group(id))
        // An answer about another one comes too late.
        model.take(.group(DashFixture.group(DashFixture.groups()[0])))
        #expect(model.groupDetail?.newest.isEmpty == true)
        model.take(.group(DashFixture.group(DashFixture.groups()[1])))
        let text = DashFixture.draw(model, 80, 24).whole
        for part in [
            "E-1a1b1c1d  OPEN  299 dead now, 400 ever  failed", "last error  connect bank refused after 3 tries",
            "queues      emails 299", "DO    pond dead retry E-1a1b1c1d", "DO    pond dead compensate E-1a1b1c1d",
            "DO    pond dead discard E-1a1b1c1d",
            "▸      29s  emails/17-0", "emails/17-4",
        ] { #expect(text.contains(part), "\(part) in\n\(text)") }
        model.type("jj")
        press(&model, .enter)
        #expect(model.screen == .jobs && model.request.subject == .why("emails/17-2"))
        press(&model, .escape)
        #expect(model.screen == .dead && model.group == id && model.row == 2)
        press(&model, .escape)
        #expect(model.screen == .dead && model.group == nil && model.groupIndex == 1)
        press(&model, .escape)
        #expect(model.screen == .overview)
    }

    @Test func `the commands of a root cause are commands`() {
        for state in [DeadGroup.State.open, .ignored, .resolved, .regressed] {
            var sum = DashFixture.groups()[0]
            sum.parts[0].group.state = state
            var model = DashFixture.model()
            model.take(.dead(DashDead(groups: [sum])))
            model.type("5")
            press(&model, .enter)
            model.take(.group(DashFixture.group(sum)))
            let commands = DashFixture.draw(model, 100, 50).texts.compactMap { line in
                line.firstRange(of: "DO    pond ").map {
                    line[$0.upperBound...].split(separator: " ").map { String($0) }
                }
            }
            #expect(commands.count >= 2)
            for words in commands {
                #expect(throws: Never.self) { _ = try PondCommand.parseAsRoot(words) }
            }
        }
    }
}

@Suite struct DashTurnsTests {
    @Test func `all have their turn, new ones first, and what is gone is forgotten`() {
        var turns = DashTurns()
        let names = (0..<10).map { "q\($0)" }
        #expect(turns.next(names, most: .max) == names)
        #expect(turns.next(names + ["new"], most: 4) == ["new", "q0", "q1", "q2"])
        #expect(turns.next(names, most: 4) == ["q3", "q4", "q5", "q6"])
        #expect(turns.next(names, most: 4) == ["q7", "q8", "q9", "q0"])
        #expect(turns.next([], most: 4).isEmpty)
    }

    @Test func `long words are broken inside, wide letters are not`() {
        #expect(DashText.folded("one two abcdefgh", width: 7) == ["one two", "abcdefg", "h"])
        #expect(DashText.folded("数据库", width: 4) == ["数据", "库"])
        #expect(DashText.folded("数", width: 1).isEmpty && DashText.folded("", width: 9).isEmpty)
    }
}
