// The same folder counted by other programs: find, zcat, wc, tr and awk. Nothing here knows the queue, the rows or the code
// that counted them.

import Millpond
import Subprocess

/// What the programs of the system say of a folder.
package struct IndependentCount: Sendable, Hashable {
    /// The regular files, whatever is in them.
    package var files = 0
    /// The files by their end, and the sums over the texts; links are not counted.
    package var totals = DocumentTotals()

    package init(files: Int) {
        self.files = files
    }

    /// Counts a folder; takes some seconds for thousands of files.
    ///
    /// - Throws: `CommandFailure` when a program is missing or fails; `CancellationError`.
    package static func run(_ root: String) async throws -> IndependentCount {
        let result = try await Subprocess.run(
            .name("sh"),
            arguments: ["-c", script, "count", root, "\(IngestLimits.contentBytesMax)"],
            output: .string(limit: 65_536),
            error: .string(limit: 65_536)
        )
        guard case .exited(0) = result.terminationStatus else {
            throw CommandFailure(
                .failure,
                "the count by find, zcat and wc ended with \(result.terminationStatus): \(result.standardError.prefix(500))",
                hint: "install findutils, gzip and coreutils, or leave the check out with --no-verify"
            )
        }
        return IndependentCount(output: result.standardOutput)
    }

    /// Reads lines of a name and numbers.
    package init(output: String) {
        for line in output.split(separator: "\n") {
            let fields = line.split(separator: " ")
            let numbers = fields.dropFirst().compactMap { Int($0) }
            guard let name = fields.first, let count = numbers.first else { continue }
            if name == "files" {
                files = count
            } else if let outcome = DocumentOutcome(rawValue: String(name)) {
                totals.files[outcome] = count
                guard outcome == .text, numbers.count == 4 else { continue }
                (totals.lines, totals.words, totals.bytes) = (numbers[1], numbers[2], numbers[3])
            }
        }
    }

    // For each file a line `outcome lines words bytes`, added up in the end. A later wc counts words that have no
    // printable character too; there the other bytes are taken out first, which comes to the same.
    private static let script = #"""
        set -u
        LC_ALL=C; export LC_ALL
        root=$1 max=$2
        work=$(mktemp -d) || exit 1
        trap 'rm -rf "$work"' EXIT
        cat > "$work/count" <<'END'
        work=$1 max=$2; shift 2
        unpacked=$work/unpacked.$$
        strict=$(printf '\377' | wc -w)
        for file do
            if [ ! -r "$file" ]; then echo unreadable 0 0 0; continue; fi
            content=$file
            case $file in
            *.gz)
                zcat < "$file" > "$unpacked" 2> /dev/null
                if [ $? -eq 1 ]; then echo corrupt_gzip 0 0 0; continue; fi
                content=$unpacked ;;
            esac
            set -- $(wc < "$content")
            lines=$1 words=$2 bytes=$3
            if [ "$bytes" -gt "$max" ]; then echo too_large 0 0 0; continue; fi
            controls=$(tr -cd '\000-\007\016-\032\034-\037\177' < "$content" | wc -c)
            if [ "$controls" -gt 0 ]; then
                zeros=$(tr -cd '\000' < "$content" | wc -c)
                if [ "$zeros" -gt 0 ] || [ $((controls * 50)) -gt "$bytes" ]; then echo binary 0 0 0; continue; fi
            fi
            if [ "$strict" -gt 0 ]; then words=$(tr -d '\000-\010\016-\037\177-\377' < "$content" | wc -w); fi
            echo text "$lines" "$words" "$bytes"
        done
        END
        echo files $(find "$root" -type f -print0 | tr -cd '\000' | wc -c)
        find "$root" -type f -print0 | xargs -0 -r -n 100 -P 2 sh "$work/count" "$work" "$max" > "$work/counts" || exit 1
        awk '{ n[$1]++; l[$1] += $2; w[$1] += $3; b[$1] += $4 }
             END { for (o in n) printf "%s %d %.0f %.0f %.0f\n", o, n[o], l[o], w[o], b[o] }' "$work/counts"
        """#
}

/// The rows beside the independent count.
package struct RowCheck: Sendable {
    /// One number, twice.
    package struct Line: Sendable, Hashable {
        package let name: String
        package let rows: Int
        package let counted: Int

        package var isEqual: Bool { rows == counted }
    }

    package let lines: [Line]

    package init(_ totals: DocumentTotals, _ count: IndependentCount) {
        var lines = [Line(name: "files", rows: totals.allFiles, counted: count.files)]
        for outcome in DocumentOutcome.allCases {
            let line = Line(name: outcome.rawValue, rows: totals.count(outcome), counted: count.totals.count(outcome))
            if line.rows > 0 || line.counted > 0 { lines.append(line) }
        }
        lines += [
            Line(name: "bytes of text", rows: totals.bytes, counted: count.totals.bytes),
            Line(name: "lines", rows: totals.lines, counted: count.totals.lines),
            Line(name: "words", rows: totals.words, counted: count.totals.words),
        ]
        self.lines = lines
    }

    /// Whether every number is the same.
    package var isEqual: Bool { lines.allSatisfy(\.isEqual) }
}
