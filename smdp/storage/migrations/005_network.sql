-- The network side of authentication: a row for each line that was ever challenged. It outlives reset and restore, so that
-- no sequence number comes twice, and goes with its carrier.
CREATE TABLE authentications (
    carrier TEXT NOT NULL,
    iccid TEXT NOT NULL,
    seq BIGINT NOT NULL DEFAULT 0,               -- SEQ of the last challenge: it only grows
    rand BYTEA,                                  -- the challenge that waits for its answer
    challenged_at BIGINT,                        -- since when, real time
    PRIMARY KEY (carrier, iccid)
);
CREATE INDEX profiles_by_imsi ON profiles (imsi, carrier);
