"""The eUICC's half of the protocol: one module for each function, each with its list of checks."""
