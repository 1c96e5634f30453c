import Millpond
import PondCore
import PondQueue
import PondSaga

extension DashSaga {
    /// What wants a person first, and of a state the newest last: what has been so for long is what people look for.
    static func sorted(_ sagas: [DashSaga]) -> [DashSaga] {
        func rank(_ saga: DashSaga) -> Int { order.firstIndex(of: saga.saga.state) ?? order.count }
        return sagas.sorted { (rank($0), $1.time, $0.address) < (rank($1), $0.time, $1.address) }
    }

    private static let order: [SagaRecord.State] = [.stuck, .paused, .undoing, .waiting, .running]

    fileprivate var style: DashStyle {
        switch saga.state {
        case .stuck, .paused: DashStyle(.red)
        case .undoing: DashStyle(.yellow)
        default: DashStyle(.cyan)
        }
    }
}

extension DashFrame {
    /// Sagas with their state, since when, until when, and the step that they are at.
    mutating func drawSagas(_ sagas: [DashSaga], _ top: Int, _ rows: Int, _ cursor: Int) {
        drawTitle("Sagas", top, note: Self.note(sagas))
        let address = 19..<19 + min(max(8, (columns - 40) / 2), sagas.map(\.address.count).max() ?? 8)
        if body.contains(top + 1) {
            canvas.put("STATE", top + 1, 2, .dim)
            canvas.putRight("FOR", top + 1, before: 17, width: 6, .dim)
            canvas.put("SAGA", top + 1, address.lowerBound, .dim)
            canvas.putRight("UNTIL", top + 1, before: address.upperBound + 9, width: 7, .dim)
            canvas.put("AT", top + 1, address.upperBound + 11, .dim)
        }
        let start = max(0, min(cursor - rows / 2, sagas.count - rows))
        for (offset, saga) in sagas.dropFirst(start).prefix(rows).enumerated() {
            draw(saga, top + 2 + offset, address, isChosen: start + offset == cursor)
        }
    }

    private mutating func draw(_ item: DashSaga, _ row: Int, _ address: Range<Int>, isChosen: Bool) {
        guard body.contains(row) else { return }
        canvas.put(item.saga.state.rawValue, row, 2, item.style)
        canvas.putRight(item.time.human, row, before: 17, width: 6)
        canvas.put(item.address, row, address.lowerBound, .bold, width: address.count)
        let until = item.left.map { $0 < .zero ? "overdue" : $0.human } ?? "-"
        canvas.putRight(
            until,
            row,
            before: address.upperBound + 9,
            width: 7,
            item.left ?? .zero < .zero ? DashStyle(.red) : .plain
        )
        let end = canvas.put(item.words, row, address.upperBound + 11, .plain)
        if columns - end > 8 { canvas.put("  \(item.saga.kind)", row, end, .dim) }
        mark(row, isChosen, address)
    }

    private static func note(_ sagas: [DashSaga]) -> String {
        let counts = Dictionary(grouping: sagas, by: \.saga.state).mapValues(\.count)
        let parts = SagaRecord.State.allCases.compactMap { state in
            counts[state].map { "\($0.grouped) \(state.rawValue)" }
        }
        return parts.joined(separator: ", ")
    }
}
