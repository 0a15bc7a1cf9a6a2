-- A carrier's clock and whether faults are armed stand beside its settings: whatever reads these reads them too.

ALTER TABLE carriers ADD COLUMN clock_offset BIGINT NOT NULL DEFAULT 0;  -- microseconds ahead of the real time
ALTER TABLE carriers ADD COLUMN clock_frozen_at BIGINT;                  -- where it stands still
ALTER TABLE carriers ADD COLUMN faults BIGINT NOT NULL DEFAULT 0;        -- version of the armed ones, 0 where none is

CREATE TABLE faults (
    carrier TEXT NOT NULL,
    number BIGINT NOT NULL,                      -- order of arming
    settings TEXT NOT NULL,                      -- JSON: model.Fault
    times BIGINT,                                -- how often it fires; NULL for always
    hits BIGINT NOT NULL DEFAULT 0,              -- how often it has fired
    PRIMARY KEY (carrier, number)
);

-- These only grow, across all carriers: what a process remembers of one version is never another's.
CREATE TABLE fault_counters (
    faults BIGINT NOT NULL,                      -- number of the fault armed last
    versions BIGINT NOT NULL                     -- version given last
);
INSERT INTO fault_counters (faults, versions) VALUES (0, 0);
