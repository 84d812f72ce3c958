-- The newest beat of each job that reports by itself: telemetry, not evidence.
CREATE TABLE heartbeat (
    environment TEXT NOT NULL,
    check_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    failed TEXT,
    good_us INTEGER,
    PRIMARY KEY (environment, check_id)
) STRICT, WITHOUT ROWID;
