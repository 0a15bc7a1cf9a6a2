"""Any thing of the eSIM flow, in words: numbers, codes, messages, certificates, Apple's profiles and command results.

`explain(thing)` works offline and at once; each kind loads what it needs. No secret is ever shown.
"""

from smdp.explain.recognise import MAX_BYTES as MAX_BYTES
from smdp.explain.recognise import explain as explain
from smdp.explain.words import Explanation as Explanation
from smdp.explain.words import Line as Line
from smdp.explain.words import Unexplained as Unexplained

__all__ = ["MAX_BYTES", "Explanation", "Line", "Unexplained", "explain"]
