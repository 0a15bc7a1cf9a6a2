"""How long starting takes: `import smdp`, and `smdp serve` from exec to the first answer."""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from smdp.pki.model import Pki
from tests.bench import driver
from tests.bench.server import running

_ROUNDS = 5
_IMPORT = "import time; start = time.perf_counter(); import smdp; print(time.perf_counter() - start)"


def importing() -> float:
    """Return the median of the milliseconds that `import smdp` takes in a fresh interpreter."""
    command = [sys.executable, "-c", _IMPORT]
    rounds = [float(subprocess.check_output(command)) for _ in range(_ROUNDS)]
    return statistics.median(rounds) * 1000


def answering(pki: Pki) -> tuple[float, float]:
    """Return medians of seconds and CPU seconds from exec to the first InitiateAuthentication answered, over TLS."""
    rounds = [_first_answer(pki) for _ in range(_ROUNDS)]
    seconds, used = zip(*rounds, strict=True)
    return statistics.median(seconds), statistics.median(used)


def _first_answer(pki: Pki) -> tuple[float, float]:
    card = driver.euicc(pki, driver.eids(1)[0], "P-256")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), f"sqlite:///{folder}/bench.db") as server:
        target = driver.Target(f"https://{server.address}", server.address)
        asyncio.run(driver.knock(pki, target, card))
        return time.perf_counter() - server.started, server.cpu
