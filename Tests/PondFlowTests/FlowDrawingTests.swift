import PondCore
import PondFlow
import Testing

/// Pictures of flows.
@Suite struct FlowDrawingTests {
    private func flow(_ steps: String) throws -> Flow { try #require(FlowReading("flow: f\nsteps: {\(steps)}").flow) }

    /// A flow with branches, long lines and crossings: eight steps a row, each after three of the rows above.
    private func tangle(rows: Int) throws -> Flow {
        let steps = (0..<rows * 8).map { step in
            let above = step < 8 ? [] : [step - 8, max(0, step - 13), (step * 7) % (step / 8 * 8)]
            return "s\(step): {kind: k, undo: none, after: [\(above.map { "s\($0)" }.joined(separator: ", "))]}"
        }
        return try flow(steps.joined(separator: ", "))
    }

    @Test func `the text has a line a step, in the order in which they may run`() throws {
        let flow = try #require(FlowReading(FlowReadingTests.whole).flow)
        #expect(
            flow.drawnAsText == """
                customer.onboard: An account, a day to think it over, a payment, a letter.

                1 ─ account   crm.open                                                                     undo crm.close
                2 ┬ cool-off  sleep 1d00h                                                                                    after account
                  └ pages     page.fetch for each of /input/pages                                                            after account
                3 ─ payment   bank.ask, then its answer within 2h00m, when /input/plan is "pro" or "team"  undo bank.refund  after cool-off, pages
                4 ─ letter    mail.send                                                                                      after payment
                """
        )
    }

    @Test func `no box lies on another, and each stands below what it comes after`() throws {
        let flow = try tangle(rows: 9)
        let order = FlowOrder(flow.steps.map(\.after))
        let sizes = flow.steps.indices.map { (width: 120 + Double($0 % 5) * 30, height: 40 + Double($0 % 3) * 17) }
        let layout = try #require(FlowLayout(order, sizes: sizes))
        let boxes = layout.spots.filter { $0.step != nil }
        #expect(boxes.count == flow.steps.count)
        for (place, a) in boxes.enumerated() {
            #expect(a.x - a.width / 2 >= 0 && a.x + a.width / 2 <= layout.width && a.top + a.height <= layout.height)
            for b in boxes[(place + 1)...] {
                let apart =
                    abs(a.x - b.x) >= (a.width + b.width) / 2 || a.top + a.height <= b.top || b.top + b.height <= a.top
                #expect(apart, "\(a) and \(b)")
            }
        }
        for line in layout.lines {
            for (from, to) in zip(line, line.dropFirst()) {
                #expect(layout.spots[from].top + layout.spots[from].height < layout.spots[to].top)
            }
        }
    }

    @Test func `lines pass beside the boxes between their ends`() throws {
        let flow = try tangle(rows: 6)
        let order = FlowOrder(flow.steps.map(\.after))
        let layout = try #require(FlowLayout(order, sizes: flow.steps.map { _ in (150, 50) }))
        for point in layout.spots where point.step == nil {
            let isInside = layout.spots.contains { box in
                box.step != nil && abs(box.x - point.x) < box.width / 2 && box.top < point.top + point.height
                    && point.top < box.top + box.height
            }
            #expect(!isInside)
        }
    }

    @Test func `a picture has a box and a name a step, and what could break it is escaped`() throws {
        let svg = try #require(FlowReading(FlowReadingTests.whole).flow?.drawnAsSVG)
        #expect(svg.components(of: "class=\"name\"") == 5)
        #expect(svg.components(of: "<path class=\"line\"") == 5)
        let odd = try flow(#"a: {kind: k, when: {from: "/input/<&>", equals: "\u0007\"<b>"}}"#)
        let drawn = try #require(odd.drawnAsSVG)
        #expect(drawn.contains("when /input/&lt;&amp;&gt; is"))
        #expect(!drawn.contains("<b>") && !drawn.contains("\u{7}"))
    }

    @Test func `what nobody could read is not drawn`() throws {
        let many = (0...Limits.flowDrawnMax).map { "s\($0): {kind: k}" }
        #expect(try flow(many.joined(separator: ", ")).drawnAsSVG == nil)
        let long = (0..<900).map { "s\($0): {kind: k, undo: none, after: [\($0 == 0 ? "" : "s\($0 - 1), s0")]}" }
        #expect(try flow(long.joined(separator: ", ")).drawnAsSVG == nil)
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
