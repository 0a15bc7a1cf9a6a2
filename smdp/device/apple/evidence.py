"""How sure a fact about Apple's devices is; every table of this package carries these marks into the documentation."""

from typing import Literal

Evidence = Literal["documented", "observed", "inferred"]
"""documented: by Apple's schema or pages; observed: seen on real devices by others; inferred: our guess."""
