-- A carrier's clock and whether faults are armed stand beside its settings: whatever reads these reads them too.

ALTER TABLE carriers ADD COLUMN clock_offset BIGINT NOT NULL DEFAULT 0;  -- microseconds ahead of the real time
ALTER TABLE carriers ADD COLUMN clock_frozen_at BIGINT;                  -- where it stands still
ALTER TABLE carriers ADD COLUMN faults BIGINT NOT NULL DEFAULT 0;        -- how many are armed

CREATE TABLE faults (
    carrier TEXT NOT NULL,
    number BIGINT NOT NULL,                      -- order of arming
    settings TEXT NOT NULL,                      -- JSON: model.Fault
    times BIGINT,                                -- how often it fires; NULL for always
    hits BIGINT NOT NULL DEFAULT 0,              -- how often it has fired
    PRIMARY KEY (carrier, number)
);

-- The number only grows, across all carriers: an id is never another fault's.
CREATE TABLE fault_counter (last BIGINT NOT NULL);
INSERT INTO fault_counter (last) VALUES (0);
