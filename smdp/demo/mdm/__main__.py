"""`python -m smdp.demo.mdm`: the small MDM as a process, until it is told to stop."""

import argparse
import asyncio
import contextlib
import ipaddress
import logging
import signal
import sys
from pathlib import Path

from smdp.demo.mdm.server import SmallMdm
from smdp.errors import SmdpError


def main() -> int:
    """Run it; the exit code is 1 with a sentence when it can't listen."""
    options = _read()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if not _loopback(options.bind) and options.api_key is None:
        print("Others can reach it, and anybody may queue commands: set --api-key.", file=sys.stderr)
    try:
        asyncio.run(_serve(options))
    except SmdpError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _read() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m smdp.demo.mdm", description="A small MDM, as a prop.")
    parser.add_argument("--host", default="localhost", help="the name in its URLs and its certificate [localhost]")
    parser.add_argument("--bind", default="127.0.0.1", help="the address to listen on [127.0.0.1]")
    parser.add_argument("--port", type=int, default=9443, help="the port; 0 picks one [9443]")
    parser.add_argument("--api-key", help="what programs must give at /v1 (HTTP Basic, user nanomdm)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="remember CA, devices and queues over restarts here")
    return parser.parse_args()


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends it all the same
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    given = {"host": options.host, "bind": options.bind, "port": options.port, "api_key": options.api_key}
    given["state"] = options.state
    async with SmallMdm(**given) as mdm:
        print(
            f"small MDM · a prop, not for production\n  enrol  {mdm.enroll_url}\n  CA     {mdm.url}/ca.pem", flush=True
        )
        await stop.wait()


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


if __name__ == "__main__":
    sys.exit(main())
