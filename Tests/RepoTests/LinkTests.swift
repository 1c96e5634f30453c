import Testing

/// The parts of a page that links may name.
enum Anchors {
    struct Link: Equatable {
        var page: String
        var part: String
    }

    /// The lines that are no code.
    private static func prose(_ page: String) -> [Substring] {
        var isCode = false
        return page.split(separator: "\n").filter { line in
            let isFence = line.drop { $0 == " " || $0 == ">" }.hasPrefix("```")
            if isFence { isCode.toggle() }
            return !isCode && !isFence
        }
    }

    /// What the headings are called in addresses: small letters, hyphens for spaces, without other signs.
    static func parts(of page: String) -> Set<String> {
        Set(prose(page).filter { $0.hasPrefix("#") }.map { line in part(of: line.drop { $0 == "#" }.dropFirst()) })
    }

    private static func part(of heading: Substring) -> String {
        String(
            heading.lowercased().compactMap { letter -> Character? in
                if letter == " " { return "-" }
                return letter.isLetter || letter.isNumber || letter == "-" || letter == "_" ? letter : nil
            }
        )
    }

    /// The links that name a part of a page; an empty page is the page itself.
    static func links(in page: String) -> [Link] {
        prose(page).flatMap { line in
            line.split(separator: "](", omittingEmptySubsequences: false).dropFirst().compactMap { rest -> Link? in
                let target = rest.prefix { $0 != ")" && $0 != " " }
                guard !target.contains("://"), let hash = target.firstIndex(of: "#") else { return nil }
                return Link(page: String(target[..<hash]), part: String(target[target.index(after: hash)...]))
            }
        }
    }
}

@Suite struct LinkTests {
    @Test func `the index leads to every page`() throws {
        let links = Set(Markdown(try Repository.text("docs/index.md")).links.map(\.text))
        let pages = try Repository.files(under: "docs", suffix: ".md").map { String($0.dropFirst("docs/".count)) }
        #expect(pages.count > 20)
        for page in pages where page != "index.md" {
            #expect(links.contains(page), "docs/index.md does not lead to \(page)")
        }
    }

    @Test func `every link to a part of a page leads to a heading`() throws {
        var found = 0
        for path in try Repository.files(suffix: ".md") {
            let text = try Repository.text(path)
            let folder = path.split(separator: "/").dropLast().map { $0 + "/" }.joined()
            for link in Anchors.links(in: text) {
                let parts = Anchors.parts(of: link.page.isEmpty ? text : try Repository.text(folder + link.page))
                #expect(parts.contains(link.part), "\(path): \(link.page)#\(link.part) is no heading")
                found += 1
            }
        }
        #expect(found > 30)
    }

    @Test func `a heading is named by its letters`() {
        let page = "# One\n## 8. Tries are bounded, by `n`\n```sh\n# a comment\n```\ntext # no heading\n"
        #expect(Anchors.parts(of: page) == ["one", "8-tries-are-bounded-by-n"])
    }

    @Test func `a link to a part is found outside of code, one to elsewhere is not`() {
        let page = "[a](b.md#c) [d](#e) [f](g.md) [h](https://i#j)\n```\n[k](l#m)\n```\n"
        #expect(Anchors.links(in: page) == [.init(page: "b.md", part: "c"), .init(page: "", part: "e")])
    }
}
