"""`smdp demo`: the main job told in a few seconds."""

import dataclasses
import sys
import time
from typing import Literal

from smdp.cli import output
from smdp.cli.output import Json
from smdp.settings import Settings

_SLOW_SECONDS = 1.5
_INDENT = 16
_PLACES = ("carrier", "device", "")


def demo(*, pace: Literal["fast", "demo"] = "fast", stay: bool = False, json: Json = False) -> None:
    """Run a carrier and a simulated iPhone, and tell what happens: one eSIM, one device, once.

    Free ports are picked, unless SMDP_PORT and SMDP_CONTROL_PORT name them.
    The other settings count too.
    Exit codes: 0 all of it came true, 1 something did not.

    Args:
        pace: "demo" is slow enough to talk along.
        stay: Leave the server running afterwards, until Ctrl-C or the end of stdin.
        json: Print the facts as one line of JSON, and the story on stderr.
    """
    from smdp import log
    from smdp.client import Client
    from smdp.demo.story import tell
    from smdp.server import Server

    say = output.talk if json else output.say_now
    settings = Settings.load(defaults={"port": 0, "control_port": 0, "log_level": "error"})

    def narrate(word: str, sentence: str) -> None:
        if word and pace == "demo":
            time.sleep(_SLOW_SECONDS)
        sign = " " if word in _PLACES else output.mark(True)
        say(f"  {sign} {word:<11} {output.wrapped(sentence, _INDENT)}")

    log.set_up(settings.log_level, settings.log_format)
    with Server(settings) as server:
        say(f"smdp demo: control API {server.control_url}, devices on port {server.device_port}\n")
        facts = tell(Client(server.control_url, token=server.parts.token), narrate)
        say("\nOne eSIM, one device, once.")
        if json:
            output.emit_line(dataclasses.asdict(facts))
        if stay:
            _stay(facts.control_url, facts.eid)


def _stay(url: str, eid: str) -> None:
    output.talk(f"The server stays until Ctrl-C. Look around: smdp --url {url} --carrier demo why {eid}")
    try:
        sys.stdin.read()
    except KeyboardInterrupt:
        output.talk("")
