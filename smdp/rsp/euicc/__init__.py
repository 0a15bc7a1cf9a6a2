"""The eUICC half of RSP: a card's functions at TLV level, without I/O, clock or entropy of its own (SGP.22 §5.7)."""
