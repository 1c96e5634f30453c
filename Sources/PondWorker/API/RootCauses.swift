package import PondCore

// What the errors that handlers and the worker throw have in common with others: of those that only carry a text it is
// the text, and where a number of the job is in it, not even that.

extension RetryLater: RootCauseDescribing {
    /// What its group is made of.
    package var rootCauseParts: RootCause.Parts { .init(type: "", message: reason, key: rootCauseKey) }
}

extension GiveUp: RootCauseDescribing {
    /// What its group is made of.
    package var rootCauseParts: RootCause.Parts {
        .init(type: cause == Cause.failed.name ? "" : cause, message: reason, key: rootCauseKey)
    }
}

extension BudgetExhausted: RootCauseDescribing {
    /// What its group is made of.
    package var rootCauseParts: RootCause.Parts { .init(type: cause.name, message: "") }
}

extension PayloadCoding.Undecodable: RootCauseDescribing {
    /// What its group is made of.
    package var rootCauseParts: RootCause.Parts { .init(type: Cause.undecodable.name, message: difference) }
}
