extension HistoryStore {
    /// The tables of a history.
    ///
    /// The largest, events, has its rows in the order in which they come, a small number for each word that repeats, and
    /// no index for what most of its rows do not have. Texts that are alike are kept once.
    static let schema = SQLiteSchema(
        name: "pond.history",
        steps: [
            """
            CREATE TABLE pond_history_names (
                id INTEGER PRIMARY KEY,
                name TEXT NOT NULL UNIQUE
            ) STRICT;

            -- An entry of a journal. That each is there once is what keeps an event from being indexed twice.
            CREATE TABLE pond_history_entries (
                row INTEGER PRIMARY KEY,
                queue INTEGER NOT NULL,
                ms INTEGER NOT NULL,
                seq INTEGER NOT NULL,
                worker INTEGER,
                UNIQUE (queue, ms, seq)
            ) STRICT;
            CREATE INDEX pond_history_entries_ms ON pond_history_entries (ms);
            CREATE INDEX pond_history_entries_worker ON pond_history_entries (worker, ms) WHERE worker IS NOT NULL;

            CREATE TABLE pond_history_jobs (
                row INTEGER PRIMARY KEY,
                job TEXT NOT NULL,
                queue INTEGER NOT NULL,
                kind INTEGER,
                correlation TEXT,
                causation TEXT,
                class TEXT,
                enqueued_ms INTEGER,
                first_ms INTEGER NOT NULL,
                last_ms INTEGER,
                last_entry INTEGER,
                last_ord INTEGER,
                events INTEGER NOT NULL,
                UNIQUE (job, queue)
            ) STRICT;
            CREATE INDEX pond_history_jobs_kind ON pond_history_jobs (kind, last_ms) WHERE kind IS NOT NULL;
            CREATE INDEX pond_history_jobs_correlation ON pond_history_jobs (correlation)
                WHERE correlation IS NOT NULL;
            CREATE INDEX pond_history_jobs_waiting ON pond_history_jobs (enqueued_ms) WHERE last_ms IS NULL;

            CREATE TABLE pond_history_events (
                entry INTEGER NOT NULL,
                ord INTEGER NOT NULL,
                job INTEGER NOT NULL,
                what INTEGER NOT NULL,
                ms INTEGER NOT NULL,
                attempt INTEGER,
                wait_ms INTEGER,
                run_ms INTEGER,
                words TEXT,
                note TEXT,
                cause INTEGER,
                grp INTEGER,
                text INTEGER,
                PRIMARY KEY (entry, ord)
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX pond_history_events_job ON pond_history_events (job);
            CREATE INDEX pond_history_events_cause ON pond_history_events (cause, ms) WHERE cause IS NOT NULL;
            CREATE INDEX pond_history_events_grp ON pond_history_events (grp, ms) WHERE grp IS NOT NULL;
            CREATE INDEX pond_history_events_text ON pond_history_events (text, ms) WHERE text IS NOT NULL;

            CREATE TABLE pond_history_texts (
                row INTEGER PRIMARY KEY,
                hash INTEGER NOT NULL,
                text TEXT NOT NULL
            ) STRICT;
            CREATE INDEX pond_history_texts_hash ON pond_history_texts (hash);
            CREATE VIRTUAL TABLE pond_history_search USING fts5 (
                text, content = 'pond_history_texts', content_rowid = 'row'
            );

            CREATE TABLE pond_history_positions (
                queue INTEGER NOT NULL,
                stream TEXT NOT NULL,
                position TEXT NOT NULL,
                expected INTEGER,
                behind INTEGER,
                read_ms INTEGER NOT NULL,
                PRIMARY KEY (queue, stream)
            ) STRICT, WITHOUT ROWID;

            CREATE TABLE pond_history_gaps (
                row INTEGER PRIMARY KEY,
                queue INTEGER NOT NULL,
                after TEXT,
                before TEXT,
                missed INTEGER,
                reason TEXT NOT NULL,
                noted_ms INTEGER NOT NULL
            ) STRICT;

            -- How long tries that were done ran: a count for each step of a logarithmic scale.
            CREATE TABLE pond_history_runs (
                kind INTEGER NOT NULL,
                queue INTEGER NOT NULL,
                day INTEGER NOT NULL,
                step INTEGER NOT NULL,
                count INTEGER NOT NULL,
                PRIMARY KEY (kind, queue, day, step)
            ) STRICT, WITHOUT ROWID;

            -- How many events came in each minute, by the follower's clock.
            CREATE TABLE pond_history_minutes (
                minute INTEGER PRIMARY KEY,
                events INTEGER NOT NULL
            ) STRICT;

            CREATE TABLE pond_history_counts (
                name TEXT PRIMARY KEY,
                count INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID;

            -- What the file is the history of.
            CREATE TABLE pond_history_origin (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                server TEXT NOT NULL
            ) STRICT;
            """
        ]
    )
}
