// The ledger: a process of its own that writes down every effect and refuses stale ones.
//
// A request is a line `NUMBER JOB FENCE STEP PROCESS`, the answer a line `NUMBER ok` or `NUMBER refused`. What sagas ask of
// the provider is a line `NUMBER pay … PROCESS` (see `PaymentRequest`), answered with `ok`, `busy`, `no` or `void`. Clients
// pipeline; whatever has arrived when the loop comes round goes into one transaction, and the answers leave after it.
// It is never killed during a run, so its file needs no fsync.

import GRDB
import Glibc

/// Serves the ledger on a unix socket until its standard input ends.
package final class LedgerServer {
    private struct Client {
        var file: Int32
        var input: [UInt8] = []
        var output: [UInt8] = []
    }

    private let database: DatabaseQueue
    private let listener: Int32
    private var clients: [Client] = []
    private var fences = FenceGuard()
    private var provider = Provider()

    /// - Throws: `ChaosError` when the socket cannot be made, or what SQLite says.
    package init(socket path: String, file: String) throws {
        var configuration = Configuration()
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL") }
        database = try DatabaseQueue(path: file, configuration: configuration)
        try database.write { try $0.execute(sql: LedgerFile.schema) }
        listener = try Sockets.listen(unix: path)
    }

    deinit {
        for client in clients { close(client.file) }
        close(listener)
    }

    /// Serves until `lifeline` ends.
    package func run(lifeline: Int32 = 0) throws {
        while true {
            var waiting = [
                pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
                pollfd(fd: lifeline, events: Int16(POLLIN), revents: 0),
            ]
            waiting += clients.map { client in
                pollfd(fd: client.file, events: Int16(client.output.isEmpty ? POLLIN : POLLIN | POLLOUT), revents: 0)
            }
            guard poll(&waiting, nfds_t(waiting.count), -1) > 0 else { continue }
            if waiting[1].revents != 0 { return }
            for index in clients.indices where waiting[index + 2].revents != 0 { receive(index) }
            try serve()
            for index in clients.indices { send(index) }
            clients.removeAll { $0.file < 0 }
            if waiting[0].revents != 0 { accept() }
        }
    }

    private func accept() {
        let file = Sockets.accept(listener)
        if file >= 0 { clients.append(Client(file: file)) }
    }

    private func receive(_ index: Int) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(clients[index].file, &buffer, buffer.count, 0)
        if count > 0 { return clients[index].input += buffer.prefix(count) }
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        close(clients[index].file)
        clients[index].file = -1
    }

    private func serve() throws {
        var requests: [(client: Int, words: [Substring])] = []
        for index in clients.indices {
            guard let end = clients[index].input.lastIndex(of: 0x0a) else { continue }
            let lines = String(decoding: clients[index].input[..<end], as: UTF8.self)
            clients[index].input.removeFirst(end + 1)
            for line in lines.split(separator: "\n") { requests.append((index, line.split(separator: " "))) }
        }
        guard !requests.isEmpty else { return }
        try database.write { db in
            for (client, words) in requests {
                let answer = try words.dropFirst().first == "pay" ? pay(words, db) : record(words, db)
                clients[client].output += "\(words[0]) \(answer)\n".utf8
            }
        }
    }

    private func record(_ words: [Substring], _ db: Database) throws -> String {
        guard words.count == 5, let fence = Int64(words[2]) else {
            throw ChaosError("the ledger cannot read \"\(words.joined(separator: " "))\"")
        }
        let isAccepted = fences.accepts(fence, of: String(words[1]))
        try db.cachedStatement(
            sql: "INSERT INTO ledger (mono_ns, job, fence, step, proc, accepted) VALUES (?, ?, ?, ?, ?, ?)"
        ).execute(
            arguments: [
                Moment.monotonic(), String(words[1]), fence, String(words[3]), String(words[4]), isAccepted,
            ]
        )
        return isAccepted ? "ok" : "refused"
    }

    private func pay(_ words: [Substring], _ db: Database) throws -> String {
        guard let request = PaymentRequest(words: Array(words.dropFirst().dropLast())), let process = words.last else {
            throw ChaosError("the provider cannot read \"\(words.joined(separator: " "))\"")
        }
        let outcome = provider.handle(request)
        try db.cachedStatement(sql: LedgerFile.insertPayment).execute(
            arguments: [
                Moment.monotonic(), request.saga, request.id, request.key, request.step, request.isUndo, request.fence,
                String(process), request.cents, request.token, outcome.rawValue,
            ]
        )
        return outcome.word
    }

    private func send(_ index: Int) {
        guard clients[index].file >= 0, !clients[index].output.isEmpty else { return }
        let count = clients[index].output.withUnsafeBytes {
            Glibc.send(clients[index].file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if count > 0 { clients[index].output.removeFirst(count) }
    }
}
