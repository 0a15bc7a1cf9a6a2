-- Webhooks: whom a carrier's events are told, and what is still to be told.

CREATE TABLE webhooks (
    carrier TEXT NOT NULL,
    hook TEXT NOT NULL,                          -- w1, w2, …; `default` for the one of the settings
    number BIGINT NOT NULL,                      -- its place in the list
    settings TEXT NOT NULL,                      -- JSON: carrier.webhooks.Hook; {} for `default`
    cursor BIGINT NOT NULL,                      -- every event up to this id was looked at
    PRIMARY KEY (carrier, hook)
);

CREATE TABLE deliveries (
    carrier TEXT NOT NULL,
    hook TEXT NOT NULL,
    event BIGINT NOT NULL,
    lane TEXT NOT NULL,                          -- what the event is about: within a lane they go one after the other
    body TEXT NOT NULL,                          -- JSON: model.Event; the journal may forget it first
    attempt BIGINT NOT NULL DEFAULT 0,           -- how many there were
    since BIGINT NOT NULL,                       -- when it was first due, real time
    due_at BIGINT,                               -- when it is to be sent, real time; NULL: behind another of its lane
    leased BOOLEAN NOT NULL DEFAULT FALSE,       -- on its way; due again at due_at if nothing is heard of it
    PRIMARY KEY (carrier, hook, event)
);
CREATE INDEX deliveries_by_due ON deliveries (carrier, hook, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_by_lane ON deliveries (carrier, hook, lane, event);
