/// Takes turns among many, so that each time a bounded part is looked at and nothing is left out for ever.
struct DashTurns: Sendable {
    private var last: [String: Int] = [:]
    private var turn = 0

    /// So many of the names, those first whose turn is the longest ago; takes none of them for done.
    func order(_ names: [String]) -> [String] {
        names.sorted { (last[$0] ?? 0, $0) < (last[$1] ?? 0, $1) }
    }

    /// At most so many of the names; it was their turn then.
    mutating func next(_ names: [String], most: Int) -> [String] {
        let chosen = names.count <= most ? names : Array(order(names).prefix(most))
        take(chosen, of: names)
        return chosen
    }

    /// Notes that it was the turn of some names, and forgets those that are not there any more.
    mutating func take(_ names: [String], of all: [String]) {
        turn += 1
        for name in names { last[name] = turn }
        let present = Set(all)
        last = last.filter { present.contains($0.key) }
    }
}
