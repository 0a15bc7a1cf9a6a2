"""SGP.22 as pure functions: messages in, decisions out. No I/O, no clock, no entropy of its own."""
