-- What a carrier and its hosted devices were at a moment, to go back to.
CREATE TABLE snapshots (
    carrier TEXT NOT NULL,
    name TEXT NOT NULL,
    at BIGINT NOT NULL,                          -- the carrier's clock
    event BIGINT NOT NULL,                       -- id of the last event before it
    profiles BIGINT NOT NULL,
    devices BIGINT NOT NULL,
    content BYTEA NOT NULL,                      -- zlib: a carrier document as JSON
    PRIMARY KEY (carrier, name)
);
