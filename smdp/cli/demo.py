"""`smdp demo`: the whole loop told in a few seconds."""

import dataclasses
import itertools
import sys
import time
from collections.abc import Callable
from typing import Literal

from smdp.cli import output
from smdp.cli.output import Json
from smdp.settings import Settings

_SLOW_SECONDS = 1.5
_INDENT = 16


class _Teller:
    """Tells the story in 80 columns, with a pause before each thing that happens."""

    def __init__(self, say: Callable[[str], None], pause: float) -> None:
        self._say, self._pause = say, pause
        self._chapters = itertools.count(1)

    def chapter(self, title: str) -> None:
        self._say(f"\n{output.colour(f'{next(self._chapters)}. {title}', output.BOLD)}\n")

    def there(self, name: str, sentence: str) -> None:
        self._line(" ", name, sentence)

    def done(self, word: str, sentence: str) -> None:
        self._line(output.mark(True), word, sentence)

    def more(self, sentence: str) -> None:
        lead = len(sentence) - len(sentence.lstrip())
        self._say(" " * (_INDENT + lead) + output.wrapped(sentence.lstrip(), _INDENT + lead))

    def _line(self, sign: str, word: str, sentence: str) -> None:
        time.sleep(self._pause)
        self._say(f"  {sign} {word:<11} {output.wrapped(sentence, _INDENT)}")


def demo(*, pace: Literal["fast", "demo"] = "fast", stay: bool = False, json: Json = False) -> None:
    """Tell the whole loop: a carrier, a small MDM, a simulated iPhone.

    From enrolment to the plan, to wipes and the next plan; each step is done and
    checked before it is told.
    Free ports are picked, unless SMDP_PORT and SMDP_CONTROL_PORT name them.
    The other settings count too.
    Exit codes: 0 all of it came true, 1 something did not.

    Args:
        pace: "demo" is slow enough to talk along.
        stay: Let carrier and MDM run on, until Ctrl-C or the end of stdin.
        json: Print the facts as one line of JSON, and the story on stderr.
    """
    from smdp import log
    from smdp.client import Client
    from smdp.demo.mdm import BlockingMdm
    from smdp.demo.story import tell
    from smdp.server import Server

    say = output.talk if json else output.say_now
    settings = Settings.load(defaults={"port": 0, "control_port": 0, "log_level": "error"})
    log.set_up(settings.log_level, settings.log_format)
    with Server(settings) as server, BlockingMdm() as mdm:
        say(f"smdp demo: control API {server.control_url}, devices on port {server.device_port}")
        client = Client(server.control_url, token=server.parts.token)
        facts = tell(client, mdm, _Teller(say, _SLOW_SECONDS if pace == "demo" else 0))
        say("\nFour refreshes, four times Acknowledged, two plans: one eSIM, one device, once.")
        if json:
            output.emit_line(dataclasses.asdict(facts))
        if stay:
            _stay(facts.control_url, facts.eid)


def _stay(url: str, eid: str) -> None:
    where = f"smdp --url {url} --carrier demo"
    output.talk(f"Carrier and MDM stay until Ctrl-C. Look around:\n  {where} why {eid}\n  {where} events")
    try:
        sys.stdin.read()
    except KeyboardInterrupt:
        output.talk("")
