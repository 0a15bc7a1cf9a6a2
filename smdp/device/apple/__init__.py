"""What Apple's side of a simulated device answers and does, as tables and pure functions.

Nothing here reads, writes, waits or tells the time: `Phone` says what holds, functions say what follows. Facts are
those of Apple's published schema and documentation, with a mark where they are observed or inferred.
"""

from smdp.device.apple.commands import answer as answer
from smdp.device.apple.commands import judge as judge
from smdp.device.apple.facts import Phone as Phone
from smdp.device.apple.result import ErrorItem as ErrorItem
from smdp.device.apple.result import Result as Result

__all__ = ["ErrorItem", "Phone", "Result", "answer", "judge"]
