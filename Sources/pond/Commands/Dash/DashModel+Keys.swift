import PondCore
import PondInsight

extension DashModel {
    /// Takes a key; what it asks of the outside is the answer.
    mutating func apply(_ key: DashKey) -> DashAction? {
        complaint = nil
        if key == .interrupt { return .interrupt }
        if key == .redraw { return .redraw }
        switch mode {
        case .help: mode = .normal
        case .filter(let text):
            edit(text, key, { .filter($0) }) { model, text in
                model.filter = text
                return nil
            }
        case .search(let text):
            edit(text, key, most: Limits.headerValueBytesMax, { .search($0) }) { model, text in
                model.ask(for: text)
                return nil
            }
        case .palette(let text):
            return edit(text, key, { .palette($0) }) { model, text in model.obey(text) }
        case .asking(let action):
            mode = .normal
            return key == .character("y") || key == .character("Y") ? action : nil
        case .normal:
            return press(key)
        }
        return nil
    }

    private mutating func press(_ key: DashKey) -> DashAction? {
        switch key {
        case .character("q"): return .quit
        case .character("r"):
            round &+= 1
            return .refresh
        case .character("j"), .down: move(by: 1)
        case .character("k"), .up: move(by: -1)
        case .pageDown: move(by: pageRows)
        case .pageUp: move(by: -pageRows)
        case .character("g"), .home: move(by: -rowCount)
        case .character("G"), .end: move(by: rowCount)
        case .character("1"): show(.overview)
        case .character("2"): show(.queue)
        case .character("3"): show(.workers)
        case .character("4"): show(.jobs)
        case .character("5"): show(.dead)
        case .character("6"): show(.limits)
        case .character("7"): show(.scaling)
        case .enter: open()
        case .escape: leave()
        case .character("s") where screen == .dead: deadSort = deadSort == .dead ? .last : .dead
        case .character("s"): sort = sort.next
        case .character("p"): ask()
        case .character("c") where screen == .jobs: askToCancel()
        case .character("R") where screen == .jobs: askToRetry()
        case .character("/"): mode = screen == .jobs ? .search("") : .filter(filter)
        case .paste where screen == .jobs: complaint = "press / first: an id can be pasted there"
        case .character(":"): mode = .palette("")
        case .character("?"): mode = .help
        default: break
        }
        return nil
    }

    mutating func show(_ screen: Screen) {
        if screen == .queue { chosen = chosenQueue?.name }
        guard screen != .queue || chosen != nil else { return }
        (self.screen, row, failure) = (screen, 0, nil)
        (trail, group, groupDetail, returnsToGroup) = ([], nil, nil, false)
    }

    private mutating func open() {
        switch screen {
        case .overview: show(.queue)
        case .jobs: openJob()
        case .dead: openGroup()
        case .queue, .workers, .limits, .scaling: break
        }
    }

    /// One step back: to the overview, then to all queues.
    private mutating func leave() {
        if goBack() { return }
        if screen != .overview { return show(.overview) }
        filter = ""
    }

    private mutating func move(by rows: Int) {
        if screen == .jobs { return moveJob(by: rows) }
        if screen == .dead { return moveGroup(by: rows) }
        guard screen == .overview || screen == .queue else {
            row = min(max(row + rows, 0), max(rowCount - 1, 0))
            return
        }
        let queues = queues
        guard !queues.isEmpty else { return }
        chosen = queues[min(max(chosenIndex + rows, 0), queues.count - 1)].name
    }

    private mutating func ask() {
        guard screen == .overview || screen == .queue, let queue = chosenQueue else { return }
        mode = .asking(queue.isPaused ? .resume(queue: queue.name) : .pause(queue: queue.name))
    }
}

// MARK: - Typing

extension DashModel {
    /// A line that is typed: letters, Backspace, Enter takes it and Esc drops it.
    ///
    /// - Parameter most: nil for a short line that takes nothing that is pasted; else the most bytes of it.
    @discardableResult
    private mutating func edit(
        _ text: String,
        _ key: DashKey,
        most: Int? = nil,
        _ mode: (String) -> Mode,
        _ take: (inout DashModel, String) -> DashAction?
    ) -> DashAction? {
        switch key {
        case .character(let character) where text.utf8.count < most ?? Self.inputMax:
            self.mode = mode(text + String(character))
        case .paste(let pasted):
            guard let most else { break }
            // Ids come with blanks and line ends around them.
            let line = pasted.drop { $0.isWhitespace }.prefix { !$0.isNewline }
            let room = max(0, most - text.utf8.count)
            self.mode = mode(text + String(decoding: line.utf8.prefix(room), as: UTF8.self))
        case .backspace where text.isEmpty: self.mode = .normal
        case .backspace: self.mode = mode(String(text.dropLast()))
        case .tab where most == nil: self.mode = mode(Self.completed(text) ?? text)
        case .escape: self.mode = .normal
        case .enter:
            self.mode = .normal
            return take(&self, text)
        default: break
        }
        return nil
    }

    /// What can be typed after `:`.
    static let commands = [
        "overview", "queue", "workers", "jobs", "dead", "limits", "scaling", "why", "pause", "resume", "sort", "filter",
        "help",
        "quit",
    ]

    /// The only command that begins so.
    private static func completed(_ text: String) -> String? {
        let found = commands.filter { $0.hasPrefix(text) }
        return text.isEmpty || found.count != 1 ? nil : found[0] + " "
    }

    /// Does what a typed line says: a command, or the beginning of one, and a name behind it.
    private mutating func obey(_ line: String) -> DashAction? {
        let words = line.split(separator: " ", maxSplits: 1)
        guard let word = words.first, !word.isEmpty else { return nil }
        let rest = words.count > 1 ? words[1].filter { $0 != " " } : ""
        // As in many editors, although `queue` begins so, too.
        if word == "q" { return .quit }
        let found = Self.commands.filter { $0.hasPrefix(word) }
        guard let command = found.count == 1 ? found[0] : Self.commands.first(where: { $0 == word }) else {
            let choices = found.joined(separator: ", ")
            complaint = found.isEmpty ? "there is no command \(word)" : "\(word) may be \(choices)"
            return nil
        }
        switch command {
        case "quit": return .quit
        case "help": mode = .help
        case "overview": show(.overview)
        case "workers": show(.workers)
        case "jobs": show(.jobs)
        case "dead": show(.dead)
        case "limits": show(.limits)
        case "scaling": show(.scaling)
        case "why":
            guard words.count > 1 else {
                complaint = "say which: an id, QUEUE/ID or a correlation id"
                return nil
            }
            ask(for: String(words[1]))
        case "filter": filter = rest
        case "sort":
            if let wanted = Sort.allCases.first(where: { $0.rawValue.hasPrefix(rest) && !rest.isEmpty }) {
                sort = wanted
            } else {
                complaint = "sort by \(Sort.allCases.map(\.rawValue).joined(separator: ", "))"
            }
        default: return obey(command, about: rest)
        }
        return nil
    }

    /// The commands about one queue, that under the cursor when none is named.
    private mutating func obey(_ command: String, about name: String) -> DashAction? {
        let queue = name.isEmpty ? chosenQueue : look?.queues.first { $0.name == name }
        guard let queue else {
            complaint = name.isEmpty ? "there is no queue" : "there is no queue \(name)"
            return nil
        }
        switch command {
        case "pause": return .pause(queue: queue.name)
        case "resume": return .resume(queue: queue.name)
        default:
            chosen = queue.name
            show(.queue)
            return nil
        }
    }
}
