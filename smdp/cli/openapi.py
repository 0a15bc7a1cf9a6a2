"""`smdp openapi`: the description of the control API, for generators of clients."""

from typing import Annotated, Literal

from cyclopts import Parameter

from smdp.cli import output


def openapi(*, version: Annotated[Literal["3.1", "3.0"], Parameter(name="--version")] = "3.1") -> None:
    """Print the OpenAPI document of the control API, as /openapi.json has it.

    Args:
        version: 3.0 is for generators that cannot read 3.1 yet.
    """
    from smdp.http.openapi import document

    output.emit(document(version))
