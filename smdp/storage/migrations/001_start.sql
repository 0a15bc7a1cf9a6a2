-- The statements here and in queries/ run on SQLite and are written to run on PostgreSQL as they are: hence BYTEA and
-- BIGINT (SQLite takes any type's name), times as microseconds since 1970 in UTC, JSON as text.

CREATE TABLE carriers (
    name TEXT PRIMARY KEY,
    settings TEXT NOT NULL,                      -- JSON: model.Carrier
    created_at BIGINT NOT NULL
);

-- Counters only grow, and outlive their carrier: whoever creates it again gets no event id, stream or ICCID twice.
CREATE TABLE counters (
    carrier TEXT PRIMARY KEY,
    events BIGINT NOT NULL DEFAULT 0,            -- id of the last event
    journal BIGINT NOT NULL DEFAULT 0,           -- bytes of the events kept
    entropy BIGINT NOT NULL DEFAULT 0,           -- streams drawn from the seed
    serials BIGINT NOT NULL DEFAULT 0,           -- profiles issued
    block BIGINT UNIQUE                          -- this carrier's range of serial numbers, so that ICCIDs differ between carriers
);

CREATE TABLE hosts (
    host TEXT PRIMARY KEY,                       -- lower case, no port
    carrier TEXT NOT NULL
);

CREATE TABLE plans (
    carrier TEXT NOT NULL,
    name TEXT NOT NULL,
    number BIGINT NOT NULL,                      -- order of creation
    settings TEXT NOT NULL,                      -- JSON: model.Plan
    PRIMARY KEY (carrier, name)
);

CREATE TABLE profiles (
    carrier TEXT NOT NULL,
    iccid TEXT NOT NULL,
    number BIGINT NOT NULL,                      -- order of creation
    plan TEXT NOT NULL,
    eid TEXT,
    imei TEXT,
    imsi TEXT NOT NULL,
    msisdn TEXT,
    state TEXT NOT NULL,
    runtime TEXT,
    matching_id TEXT NOT NULL,
    confirmation_code_hash BYTEA,                -- SHA-256 of the code
    download_attempts BIGINT NOT NULL DEFAULT 0,
    confirmation_code_attempts BIGINT NOT NULL DEFAULT 0,
    reason TEXT,                                 -- what ended or stopped the order: a slug
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    consumed_at BIGINT,
    consumed_by TEXT,                            -- the session that got it
    activation_state TEXT NOT NULL DEFAULT 'inactive',
    activation_reason TEXT,
    activation_since BIGINT NOT NULL,
    activation_due_at BIGINT,                    -- when the next step of the activation is due
    metadata BYTEA,                              -- BF25, frozen by the first AuthenticateClient
    upp BYTEA,                                   -- the user's own package
    credentials TEXT NOT NULL,                   -- JSON: model.Credentials
    warnings TEXT NOT NULL DEFAULT '[]',         -- JSON: a list of sentences
    PRIMARY KEY (carrier, iccid)
);
CREATE UNIQUE INDEX profiles_by_number ON profiles (carrier, number);
CREATE INDEX profiles_by_eid ON profiles (carrier, eid);
CREATE UNIQUE INDEX profiles_by_matching_id ON profiles (carrier, matching_id)
    WHERE matching_id <> '' AND state NOT IN ('error', 'unavailable');
CREATE INDEX profiles_by_activation_due ON profiles (carrier, activation_due_at) WHERE activation_due_at IS NOT NULL;
CREATE INDEX profiles_by_expiry ON profiles (carrier, expires_at)
    WHERE expires_at IS NOT NULL AND state IN ('allocated', 'linked', 'confirmed', 'released');

CREATE TABLE sessions (
    carrier TEXT NOT NULL,
    transaction_id TEXT NOT NULL,                -- hexadecimal, capital letters
    number BIGINT NOT NULL,                      -- order of opening
    stage TEXT NOT NULL,
    eid TEXT,
    iccid TEXT,
    outcome TEXT NOT NULL DEFAULT 'open',
    opened_at BIGINT NOT NULL,
    refusal TEXT,                                -- JSON: model.RefusalText
    content BYTEA NOT NULL,                      -- msgpack: what the next step needs
    PRIMARY KEY (carrier, transaction_id)
);
CREATE UNIQUE INDEX sessions_by_number ON sessions (carrier, number);
CREATE INDEX sessions_by_eid ON sessions (carrier, eid, number) WHERE eid IS NOT NULL;

CREATE TABLE messages (
    carrier TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    step TEXT NOT NULL,
    request BYTEA NOT NULL,
    digest BYTEA NOT NULL,                       -- SHA-256 of what makes a repeated request the same
    response BYTEA NOT NULL,
    at BIGINT NOT NULL,
    ms DOUBLE PRECISION NOT NULL,
    refusal TEXT,                                -- the check that did not hold
    PRIMARY KEY (carrier, transaction_id, step)
);

CREATE TABLE notifications (
    carrier TEXT NOT NULL,
    digest BYTEA NOT NULL,                       -- SHA-256 of raw: a notification sent twice is one
    number BIGINT NOT NULL,                      -- order of arrival
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    verified BOOLEAN NOT NULL,
    eid TEXT,
    iccid TEXT,
    transaction_id TEXT,
    raw BYTEA NOT NULL,
    PRIMARY KEY (carrier, digest)
);
CREATE UNIQUE INDEX notifications_by_number ON notifications (carrier, number);

CREATE TABLE events (
    carrier TEXT NOT NULL,
    id BIGINT NOT NULL,
    at BIGINT NOT NULL,                          -- the carrier's clock
    wall BIGINT NOT NULL,
    type TEXT NOT NULL,
    eid TEXT,
    iccid TEXT,
    session TEXT,
    data TEXT NOT NULL,                          -- JSON
    PRIMARY KEY (carrier, id)
);
CREATE INDEX events_by_eid ON events (carrier, eid, id) WHERE eid IS NOT NULL;

CREATE TABLE devices (
    eid TEXT PRIMARY KEY,
    carrier TEXT NOT NULL,
    number BIGINT NOT NULL,                      -- order of creation
    description TEXT NOT NULL,                   -- JSON: model.Device
    state BYTEA NOT NULL,                        -- the eUICC and what the device remembers
    waiting BOOLEAN NOT NULL                     -- whether notifications wait for their server
);
CREATE INDEX devices_by_carrier ON devices (carrier, number);
