/// Every bound of Millpond, named once.
///
/// The function library repeats those that it enforces; a test compares them.
public enum Limits {
    /// The longest payload of a job, in bytes.
    public static let payloadBytesMax = 1_048_576
    /// The longest idempotency key, in bytes.
    public static let keyBytesMax = 256
    /// How long a key of a job that is done answers for it, unless the queue says otherwise.
    public static let keyWindowDefault = Duration.seconds(86_400)
    /// The shortest and the longest window of a queue's keys: an hour and 30 days.
    public static let keyWindow = Duration.seconds(3_600)...Duration.seconds(30 * 86_400)
    /// A tombstone outlives its window by at most the window divided by this: tombstones are dropped in steps.
    package static let keyStepsPerWindow = 8
    /// The longest result of a job, in bytes.
    public static let resultBytesMax = 65_536
    /// The most steps of a saga, waits and fan-outs included.
    public static let sagaStepsMax = 10_000
    /// The longest name of a step, in bytes.
    public static let stepNameBytesMax = 128
    /// The longest result of a step, in bytes; what is longer is stored elsewhere, and a reference to it returned.
    public static let stepResultBytesMax = resultBytesMax
    /// The most bytes of all results of a saga together; results of up to 1 KiB are not counted.
    public static let sagaResultsBytesMax = 16 << 20
    /// How often a saga may wait without a slot.
    public static let sagaParksMax = 100_000
    /// The most signals of a job that nobody has waited for yet.
    public static let sagaSignalsMax = 1_000
    /// Bytes of those signals together.
    public static let sagaSignalsBytesMax = 4_194_304
    /// How deep sagas may be nested.
    public static let sagaDepthMax = 8
    /// The most children of a fan-out.
    public static let sagaChildrenMax = 10_000
    /// The most children of a fan-out that are queued or run at a time.
    public static let sagaChildrenAtOnceMax = 1_000
    /// The most children that one call is asked about.
    public static let sagaChildrenPageMax = 256
    /// How many steps of a saga are read at once.
    public static let sagaPageMax = 1_000
    /// The longest document of a flow, in bytes.
    public static let flowBytesMax = 1_048_576
    /// The most steps of a flow; a few of a saga's are left for the document itself.
    public static let flowStepsMax = sagaStepsMax - 32
    /// The most values of a flow's document, aliases written out.
    public static let flowNodesMax = 200_000
    /// How deep the values of a flow's document may lie in each other.
    public static let flowDepthMax = 64
    /// The most aliases of a flow's document.
    public static let flowAliasesMax = 32
    /// The most steps of a flow that are drawn as a picture.
    public static let flowDrawnMax = 1_000
    /// How long a saga that has ended can be read in Redis.
    public static let sagaKept = Duration.seconds(3_600)
    /// The longest name of a limit, in bytes.
    public static let limitNameBytesMax = 128
    /// The most limits that one job may need.
    public static let limitsPerJobMax = 4
    /// The longest text that names the limits of a job, in bytes.
    public static let limitNeedBytesMax = 1_024
    /// What a job may cost of a limit.
    public static let limitCost: ClosedRange<Int64> = 1...1_000_000_000
    /// How much a limit may let through in its period.
    public static let limitCount = 1...1_000_000
    /// How much of it may come at once.
    public static let limitBurst = 1...1_000_000
    /// How many a limit may let run at a time.
    public static let limitAtATime = 1...100_000
    /// The most a second that a limit's rate may be: time is counted in whole microseconds.
    public static let limitPerSecondMax = 10_000
    /// The longest period of a limit's rate.
    public static let limitPeriodMax = Duration.seconds(366 * 86_400)
    /// How long a running job waits for a limit before it goes on later, without a slot.
    public static let limitPatience = Duration.seconds(30)
    /// The longest text that defines a limit, in bytes.
    package static let limitSpecBytesMax = 256
    /// The most jobs that one call asks its limits for.
    package static let admitBatchMax = 512
    /// The most limits that one call lists.
    package static let limitsListedMax = 1_000
    /// The most money that a budget may name or a job may spend.
    public static let moneyMax = USD(micros: 999_999_999_999_999)
    /// The longest text of an intent's budget, in bytes.
    public static let budgetTextBytesMax = 1_024
    /// The longest name of a budget, in bytes.
    public static let budgetNameBytesMax = 512
    /// The longest that a reservation lasts without a word, before it is settled by itself.
    public static let reservationTimeMax = Duration.seconds(86_400)
    /// The longest id of a reservation, in bytes.
    package static let reservationIDBytesMax = 512
    /// The most reservations of an intent that are not settled.
    public static let reservationsMax = 100_000
    /// The longest kind, in bytes.
    public static let kindBytesMax = 128
    /// The longest queue name, in bytes.
    public static let queueNameBytesMax = 63
    /// The most fields that a producer may give a job.
    public static let fieldsMax = 32
    /// The longest value of a header, in bytes.
    public static let headerValueBytesMax = 4_096
    /// The most bytes of an entry, names and values together.
    ///
    /// What has more is no job: it is dead as malformed, and only the beginning of each value is kept.
    public static let entryBytesMax = 2_097_152
    /// The most jobs that one round trip enqueues; more are sent in several.
    public static let enqueueBatchMax = 1_000
    /// The most jobs that one settle call carries.
    package static let settleBatchMax = 512
    /// The most jobs whose keys one call claims.
    package static let claimBatchMax = 512
    /// The most held jobs that one call promotes.
    package static let promoteBatchMax = 256
    /// The most entries that one call takes over from a lost worker.
    package static let reclaimBatchMax = 128
    /// How much of an error's text a dead job keeps, in bytes.
    public static let errorTextBytesMax = 8_192
    /// How much of its last error's text a retrying job keeps, in bytes.
    public static let lastErrorBytesMax = 1_024
    /// The longest text that a failure is grouped by, in bytes.
    public static let rootCauseBytesMax = 512
    /// The longest title of a group of dead jobs, in bytes.
    package static let rootCauseTitleBytesMax = 200
    /// The most groups that a queue's dead have; the dead of further causes share one.
    package static let groupsMax = 500
    /// The most kinds that a group counts one by one.
    package static let groupKindsMax = 8
    /// The most entries of a queue's record of what people did to its dead.
    package static let auditEntriesMax = 10_000
    /// The most entries of a queue's journal; older ones are trimmed.
    package static let journalEntriesMax = 1_000_000
    /// The most events of a queue's journal; older ones are trimmed.
    package static let journalEventsMax = 1_000_000
    /// The most bytes of Redis' memory that a queue's journal takes; older entries are trimmed.
    ///
    /// A million events of jobs that succeed take about as much. When the server is short of memory it is halved, down to
    /// `journalBytesMin`.
    package static let journalBytesMax = 67_108_864
    /// What the journal keeps whatever happens, in bytes.
    package static let journalBytesMin = 1_048_576
    /// The most bytes that a worker tells the journal of the jobs of one call.
    package static let factsBytesMax = 262_144
    /// The most dead jobs of a queue; past it the oldest end as dropped.
    ///
    /// Nine tenths of it pause the queue with the reason `dead_full`, so that somebody looks before anything is dropped; below
    /// eight tenths it goes on by itself. With `dead_overflow` of the queue's `meta` set to `drop` it is not paused.
    public static let deadMax = 100_000
    /// The earliest moment that a job can mean, the beginning of 2001: what is before was given in another unit.
    public static let earliestTime = ServerTime(milliseconds: 978_307_200_000)
    /// The longest delay of a scheduled job: ten years.
    public static let delayMax = Duration.milliseconds(315_360_000_000)
    /// The most handlers that one worker process runs at a time.
    public static let slotsMax = 1_024
    /// The most jobs that a worker fetches ahead of its slots.
    public static let prefetchMax = 1_024
    /// The most kinds that one worker may know.
    public static let kindsMax = 1_024
    /// The most queues that one worker may serve.
    public static let queuesMax = 32
    /// Recoveries (its worker died) within `recoveryWindow` that make a job dead with cause `poison`, unless `recoveries_max`
    /// of the queue's `meta` says otherwise.
    ///
    /// A worker that was told to stop and killed before its jobs had ended is no evidence against them: that is counted apart.
    public static let recoveriesMax = 3
    /// How long a recovery counts, from the first of them.
    public static let recoveryWindow = Duration.seconds(86_400)
    /// Tries of a job before it is dead, unless the job or its kind says otherwise.
    public static let attemptsDefault = 8
    /// The limit of one attempt, unless the job or its kind says otherwise.
    public static let timeoutDefault = Duration.seconds(60)
    /// How long a job of a kind that no worker knows waits for one that does, unless a worker says otherwise.
    public static let unknownKindGrace = Duration.seconds(86_400)
    /// The longest progress text of a heartbeat, in bytes.
    public static let progressBytesMax = 1_024
    /// The most jobs that one dead, revive or discard call names.
    public static let deadBatchMax = 256
    /// How often a worker beats.
    public static let beatInterval = Duration.seconds(1)
    /// A worker whose last beat is older than this is lost.
    public static let lease = Duration.seconds(4)
    /// How long one blocking read waits for a job.
    package static let fetchBlock = Duration.seconds(2)
}
