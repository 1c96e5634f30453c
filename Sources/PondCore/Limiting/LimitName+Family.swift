// Which definition holds for a name.

extension LimitName {
    /// The definition that holds for a name: its own, or that of its family; nil when nobody has set either.
    ///
    /// - Parameter isSet: whether somebody has set a limit of a name.
    package static func definer(of name: String, among isSet: (String) -> Bool) -> String? {
        if isSet(name) { return name }
        return family(of: name).flatMap { isSet($0) ? $0 : nil }
    }

    /// The family that a name may belong to, up to its last `:` or `/`; nil for a name without one.
    package static func family(of name: String) -> String? {
        guard let mark = name.lastIndex(where: { $0 == ":" || $0 == "/" }) else { return nil }
        return name[...mark] + "*"
    }
}
