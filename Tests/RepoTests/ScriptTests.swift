import Testing

@Suite struct ScriptTests {
    private func scripts() throws -> [String] {
        try Repository.files(under: "scripts") + Repository.files(under: ".ci")
    }

    @Test func `every script is one that bash can read`() throws {
        let scripts = try scripts()
        #expect(!scripts.isEmpty)
        for script in scripts {
            let (exitCode, output) = try Shell.run("bash -n \(Shell.quoted("\(Repository.root)/\(script)"))")
            #expect(exitCode == 0, "\(script): \(output)")
        }
    }

    @Test func `every script that starts with #! may be started, and stops at its first error`() throws {
        for script in try scripts() {
            let text = try Repository.text(script)
            // Without a first line of that kind it is there to be sourced.
            guard text.hasPrefix("#!") else { continue }
            #expect(Repository.isExecutable(script), "\(script) lacks the executable bit")
            #expect(text.contains("\nset -euo pipefail\n"), "\(script) lacks `set -euo pipefail`")
        }
    }

    @Test func `CI runs what a reader of the README runs`() throws {
        #expect(try Repository.text(".ci/run").contains("scripts/test"))
    }
}
