-- What the wall clock said when an entry was written. Entries from before have none and are hashed without.
ALTER TABLE entry ADD COLUMN clock_ms INTEGER;

-- What devices signed about their chains.
CREATE TABLE checkpoint (
    place INTEGER PRIMARY KEY,
    device BLOB NOT NULL CHECK (length(device) = 16),
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    head BLOB NOT NULL CHECK (length(head) = 32),
    wall_ms INTEGER NOT NULL,
    counter INTEGER NOT NULL CHECK (counter >= 0),
    clock_ms INTEGER NOT NULL,
    entries INTEGER NOT NULL CHECK (entries > 0),
    key BLOB NOT NULL CHECK (length(key) = 32),
    signature BLOB NOT NULL CHECK (length(signature) = 64),
    UNIQUE (device, sequence)
) STRICT;

CREATE TRIGGER checkpoint_is_never_changed BEFORE UPDATE ON checkpoint
BEGIN
    SELECT RAISE (ABORT, 'checkpoints are never changed');
END;

CREATE TRIGGER checkpoint_is_never_removed BEFORE DELETE ON checkpoint
BEGIN
    SELECT RAISE (ABORT, 'checkpoints are never removed');
END;

CREATE TRIGGER checkpoint_is_never_replaced BEFORE INSERT ON checkpoint
WHEN EXISTS (
    SELECT 1 FROM checkpoint WHERE place = NEW.place OR (device = NEW.device AND sequence = NEW.sequence)
)
BEGIN
    SELECT RAISE (ABORT, 'checkpoints are never replaced');
END;

-- Of each check, what follows from samples: its suspicion and its latest sample. Telemetry. What `health` keeps
-- beside it follows from entries alone, so that it can be dropped and rebuilt from them.
CREATE TABLE suspicion (
    environment TEXT NOT NULL,
    check_id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (environment, check_id)
) STRICT, WITHOUT ROWID;

INSERT INTO suspicion (environment, check_id, body)
SELECT environment, check_id, json_object('suspicion', body -> '$.suspicion', 'last', body -> '$.last')
FROM health WHERE json_valid(body);

DELETE FROM health WHERE NOT json_valid(body) OR body ->> '$.health' = 'not-checked';

UPDATE health SET body = json_object('health', body ->> '$.health', 'since', body ->> '$.since');
