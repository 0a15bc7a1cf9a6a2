"""SGP.22, pure: no I/O, no clock, no entropy of its own. Time, randomness, keys and rows are arguments."""
