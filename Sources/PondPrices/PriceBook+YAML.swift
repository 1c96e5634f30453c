public import PondCore
import Yams

/// What is wrong with a file of prices.
public struct PriceFileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where it is wrong, from 1; nil when it is about all of it.
    public let line: Int?
    /// What is wrong, and what is allowed.
    public let text: String

    init(_ text: String, _ mark: Mark? = nil) { (self.text, line) = (text, mark?.line) }

    public var description: String { line.map { "line \($0): \(text)" } ?? text }
}

extension PriceBook {
    /// The longest file of prices, in bytes.
    public static let fileBytesMax = 1_048_576

    /// Reads a file of prices; docs/budgets.md shows one.
    ///
    /// - Throws: `PriceFileError`, for the first thing that is wrong.
    public init(yaml text: String) throws(PriceFileError) {
        guard text.utf8.count <= Self.fileBytesMax else {
            throw PriceFileError("the file has \(text.utf8.count) bytes, allowed are \(Self.fileBytesMax)")
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text, .basic)
        } catch {
            throw PriceFileError("it is no YAML: \(error)")
        }
        guard let root else { throw PriceFileError("the file is empty") }
        self.init()
        for (name, value) in try root.members(of: "the file") {
            switch name.text {
            case "version": version = value.text
            case "unknown_model":
                guard let policy = UnknownModel(rawValue: value.text) else {
                    throw PriceFileError("unknown_model is refuse or ceiling, not \"\(value.text)\"", value.mark)
                }
                unknownModel = policy
            case "ceiling": ceiling = try Self.price(value)
            case "cpu_hour": cpuHour = try value.money()
            case "models":
                for (name, value) in try value.members(of: "models") {
                    models[name.text] = try Self.versions(value, Self.price).sorted { $0.from < $1.from }
                }
            case "tools":
                for (name, value) in try value.members(of: "tools") {
                    tools[name.text] = try Self.versions(value, Self.toolPrice).sorted { $0.from < $1.from }
                }
            default:
                throw PriceFileError(
                    "there is no \"\(name.text)\"; allowed are version, unknown_model, ceiling, cpu_hour, models and tools",
                    name.mark
                )
            }
        }
        if unknownModel == .ceiling, ceiling == nil {
            throw PriceFileError("unknown_model: ceiling needs a ceiling, with input and output")
        }
    }

    /// One price, or several with the moments from which they hold.
    private static func versions<Price>(
        _ node: Node,
        _ read: (Node) throws(PriceFileError) -> Price
    ) throws(PriceFileError) -> [Price] {
        guard case .sequence(let sequence) = node else { return [try read(node)] }
        var prices: [Price] = []
        for element in sequence { prices.append(try read(element)) }
        guard !prices.isEmpty else { throw PriceFileError("a list of prices is empty", node.mark) }
        return prices
    }

    private static func price(_ node: Node) throws(PriceFileError) -> ModelPrice {
        var (from, call, tiers): (ServerTime?, USD, [Rates]) = (nil, .zero, [])
        var base: [String: USD] = [:]
        for (name, value) in try node.members(of: "a price") {
            switch name.text {
            case "from": from = try value.moment()
            case "call": call = try value.money()
            case "input", "output", "cached": base[name.text] = try value.money()
            case "tiers":
                guard case .sequence(let sequence) = value else { throw PriceFileError("tiers is no list", value.mark) }
                for element in sequence { tiers.append(try rates(element)) }
            default:
                throw PriceFileError(
                    "a price has no \"\(name.text)\"; allowed are from, input, output, cached, call and tiers",
                    name.mark
                )
            }
        }
        guard let input = base["input"], let output = base["output"] else {
            throw PriceFileError("a price needs input and output, in dollars a million tokens", node.mark)
        }
        return ModelPrice(from: from, [Rates(input: input, cached: base["cached"], output: output)] + tiers, call: call)
    }

    private static func rates(_ node: Node) throws(PriceFileError) -> Rates {
        var (above, base): (Int64?, [String: USD]) = (nil, [:])
        for (name, value) in try node.members(of: "a tier") {
            switch name.text {
            case "above": above = Int64(value.text)
            case "input", "output", "cached": base[name.text] = try value.money()
            default:
                throw PriceFileError(
                    "a tier has no \"\(name.text)\"; allowed are above, input, output and cached",
                    name.mark
                )
            }
        }
        guard let above, above > 0, let input = base["input"], let output = base["output"] else {
            throw PriceFileError("a tier needs above (tokens of the prompt, above 0), input and output", node.mark)
        }
        return Rates(above: above, input: input, cached: base["cached"], output: output)
    }

    private static func toolPrice(_ node: Node) throws(PriceFileError) -> ToolPrice {
        if case .scalar = node { return ToolPrice(call: try node.money()) }
        var (from, call): (ServerTime?, USD?) = (nil, nil)
        for (name, value) in try node.members(of: "a tool's price") {
            switch name.text {
            case "from": from = try value.moment()
            case "call": call = try value.money()
            default:
                throw PriceFileError("a tool's price has no \"\(name.text)\"; allowed are from and call", name.mark)
            }
        }
        guard let call else { throw PriceFileError("a tool's price needs call, in dollars", node.mark) }
        return ToolPrice(from: from, call: call)
    }
}

extension Node {
    fileprivate var text: String { scalar?.string ?? "" }

    fileprivate func members(of what: String) throws(PriceFileError) -> [(Node, Node)] {
        guard case .mapping(let mapping) = self else {
            throw PriceFileError("\(what) is no list of names and values", mark)
        }
        return mapping.map { ($0.key, $0.value) }
    }

    /// Dollars with up to six decimals, exactly.
    fileprivate func money() throws(PriceFileError) -> USD {
        guard let usd = USD(dollars: text) else {
            throw PriceFileError("\"\(text.prefix(40))\" is no amount of dollars with up to six decimals", mark)
        }
        return usd
    }

    /// A day, or a moment.
    fileprivate func moment() throws(PriceFileError) -> ServerTime {
        guard let time = ServerTime(iso8601: text.utf8.count == 10 ? "\(text)T00:00:00Z" : text) else {
            throw PriceFileError("\"\(text.prefix(40))\" is no day (2026-11-30) and no moment in ISO 8601", mark)
        }
        return time
    }
}
