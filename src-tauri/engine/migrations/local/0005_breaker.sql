-- How the circuit breaker of each provider stood when it last changed: telemetry that outlives the program. Who opened or
-- closed one, and when it went from one phase to another, are facts of the journal.
CREATE TABLE breaker (
    environment TEXT NOT NULL,
    provider TEXT NOT NULL,
    phase TEXT NOT NULL,
    count INTEGER NOT NULL,
    left_us INTEGER NOT NULL,
    forced TEXT,
    forced_by TEXT,
    reason TEXT NOT NULL,
    since_us INTEGER NOT NULL,
    changed_us INTEGER NOT NULL,
    PRIMARY KEY (environment, provider)
) STRICT, WITHOUT ROWID;
