"""`smdp demo`: the main job told in half a minute."""

from typing import Literal

from smdp.cli.output import Json
from smdp.settings import Settings


def demo(
    *,
    pace: Literal["fast", "demo"] = "fast",
    stay: bool = False,
    json: Json = False,
) -> int:
    """Run a carrier and a simulated iPhone, and tell what happens: one eSIM, one device, once.

    Free ports are picked, unless SMDP_PORT and SMDP_CONTROL_PORT say which; the other settings count too.
    Exit codes: 0 all of it came true, 1 something did not.

    Args:
        pace: demo is slow enough to talk along.
        stay: Leave the server running afterwards, until Ctrl-C or the end of stdin.
    """
    from smdp.demo.story import tell

    settings = Settings.load(defaults={"port": 0, "control_port": 0})
    return tell(settings, pause=1.5 if pace == "demo" else 0.0, stay=stay, as_json=json)
