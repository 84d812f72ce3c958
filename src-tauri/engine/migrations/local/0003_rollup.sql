-- Samples rolled up: counts and sums of each minute, hour and day, which stay when the samples go.
CREATE TABLE rollup (
    grain TEXT NOT NULL,
    environment TEXT NOT NULL,
    check_id TEXT NOT NULL,
    begin_s INTEGER NOT NULL,
    operational INTEGER NOT NULL,
    degraded INTEGER NOT NULL,
    outage INTEGER NOT NULL,
    unknown INTEGER NOT NULL,
    latency_sum_us INTEGER NOT NULL,
    latency_min_us INTEGER,
    latency_max_us INTEGER,
    steps TEXT NOT NULL,
    PRIMARY KEY (grain, environment, check_id, begin_s)
) STRICT, WITHOUT ROWID;

CREATE INDEX rollup_by_time ON rollup (grain, begin_s);

-- The last sample in them, by place. Written with them, so that each sample is in them once whatever happens.
CREATE TABLE rolled (
    singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
    place INTEGER NOT NULL
) STRICT;
