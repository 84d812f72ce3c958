-- Which device this home is. One row, made once.
CREATE TABLE device (
    singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
    device BLOB NOT NULL CHECK (length(device) = 16),
    made_ms INTEGER NOT NULL
) STRICT;

-- Facts. `place` is the order of arrival in this file; `device` and `sequence` name an entry everywhere.
CREATE TABLE entry (
    place INTEGER PRIMARY KEY,
    device BLOB NOT NULL CHECK (length(device) = 16),
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    wall_ms INTEGER NOT NULL,
    counter INTEGER NOT NULL CHECK (counter >= 0),
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    UNIQUE (device, sequence)
) STRICT;

CREATE INDEX entry_by_time ON entry (wall_ms, counter);
CREATE INDEX entry_by_kind ON entry (kind, place);

CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
BEGIN
    SELECT RAISE (ABORT, 'journal entries are never changed');
END;

CREATE TRIGGER entry_is_never_removed BEFORE DELETE ON entry
BEGIN
    SELECT RAISE (ABORT, 'journal entries are never removed');
END;

-- INSERT OR REPLACE would remove the old row without the trigger above.
CREATE TRIGGER entry_is_never_replaced BEFORE INSERT ON entry
WHEN EXISTS (
    SELECT 1 FROM entry WHERE place = NEW.place OR (device = NEW.device AND sequence = NEW.sequence)
)
BEGIN
    SELECT RAISE (ABORT, 'journal entries are never replaced');
END;

-- Where each chain ends. A chain alone cannot show that its end was cut off; this makes it harder to do unseen.
CREATE TABLE head (
    device BLOB PRIMARY KEY CHECK (length(device) = 16),
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT, WITHOUT ROWID;

-- Results of probes: telemetry, not evidence; old ones are removed.
CREATE TABLE sample (
    place INTEGER PRIMARY KEY,
    environment TEXT NOT NULL,
    check_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    latency_ms REAL NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    measurements TEXT NOT NULL,
    answer TEXT
) STRICT;

CREATE INDEX sample_by_check ON sample (environment, check_id, at_us);
CREATE INDEX sample_failing ON sample (environment, check_id, place) WHERE verdict <> 'operational';

-- Each check's health, kept as its samples arrive.
CREATE TABLE health (
    environment TEXT NOT NULL,
    check_id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (environment, check_id)
) STRICT, WITHOUT ROWID;
