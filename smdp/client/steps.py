"""What a verb of the client does, without doing it: requests to send, and what to make of their answers.

A verb is written once, as a generator that yields `Request`s and is sent the bodies of their answers; the blocking
client runs it with `http.client`, the awaitable one with aiohttp. To add one: a method with `@verb` in one of the
classes that `Client` and `AsyncClient` inherit, no more; one that takes `**keywords` begins with `self, /`. A verb uses
another one by its steps: `carrier = yield from Verbs.show_carrier.steps(self)`.
"""

import functools
from collections.abc import Callable, Coroutine, Generator, Mapping
from types import MethodType
from typing import Any, Concatenate, Generic, NamedTuple, ParamSpec, Protocol, TypeVar, overload

import msgspec

from smdp.errors import ApiError

P = ParamSpec("P")
T = TypeVar("T")

BULK_SECONDS = 120.0
_LONGEST_LIST = 10_000


class Request(NamedTuple):
    """A request to the control API: a body goes as JSON, None in a query is left out; seconds, None for the usual."""

    method: str
    path: str
    body: Any = None
    query: Mapping[str, Any] | None = None
    timeout: float | None = None


Steps = Generator[Request, bytes, T]
"""Requests that come one after the other, and what comes of them. A refusal (ApiError) is thrown in."""


class Unexpected(Exception):  # noqa: N818 - an answer, before anybody knows of which server
    """An answer is not what the control API answers; says what it does instead."""


class Blocking(Protocol):
    """Whose verbs return when they are done."""

    def run(self, steps: Callable[[], Steps[T]]) -> T:
        """Do it."""


class Awaiting(Protocol):
    """Whose verbs are awaited."""

    def arun(self, steps: Callable[[], Steps[T]]) -> Coroutine[Any, Any, T]:
        """Do it."""


class verb(Generic[P, T]):  # noqa: N801 - a decorator
    """Makes a method of steps into one that does them: at once, or when it is awaited, as its class has it."""

    def __init__(self, steps: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        @functools.wraps(steps)
        def call(instance: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
            return _run_of(instance)(functools.partial(steps, instance, *args, **kwargs))

        self.steps, self._call = steps, call
        self.__doc__ = steps.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> "verb[P, T]": ...
    @overload
    def __get__(self, instance: Blocking, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Awaiting, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        """Return what is called."""
        return self if instance is None else MethodType(self._call, instance)


class fact(Generic[T]):  # noqa: N801 - a decorator
    """Makes a method of steps without arguments into a property: a value, or something to await."""

    def __init__(self, steps: Callable[[Any], Steps[T]]) -> None:
        self.steps = steps
        self.__doc__ = steps.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> "fact[T]": ...
    @overload
    def __get__(self, instance: Blocking, owner: type) -> T: ...
    @overload
    def __get__(self, instance: Awaiting, owner: type) -> Coroutine[Any, Any, T]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        """Return the value."""
        return self if instance is None else _run_of(instance)(functools.partial(self.steps, instance))


def _run_of(instance: Any) -> Callable[[Callable[[], Steps[Any]]], Any]:
    run: Callable[[Callable[[], Steps[Any]]], Any] = getattr(instance, "arun", None) or instance.run
    return run


# --- what verbs are made of


class Page(msgspec.Struct):
    """One page of a list, and the cursor of the next."""

    items: msgspec.Raw
    next: str | int | None = None


def fetch(
    method: str, path: str, body: Any = None, *, query: Mapping[str, Any] | None = None, timeout: float | None = None
) -> Steps[bytes]:
    """Send a request, and return the answer's body."""
    return (yield Request(method, path, body, query, timeout))


def tell(method: str, path: str, body: Any = None) -> Steps[None]:
    """Send a request whose answer says nothing."""
    yield Request(method, path, body)


def call(
    method: str,
    path: str,
    body: Any = None,
    *,
    into: type[T],
    query: Mapping[str, Any] | None = None,
    timeout: float | None = None,
) -> Steps[T]:
    """Send a request, and decode the answer."""
    return decode((yield Request(method, path, body, query, timeout)), into)


def every(path: str, into: type[T], query: Mapping[str, Any] | None = None) -> Steps[list[T]]:
    """Fetch a list, page after page."""
    found: list[T] = []
    cursor: str | int | None = None
    for _ in range(_LONGEST_LIST):
        page = yield from call("GET", path, into=Page, query={**(query or {}), "cursor": cursor})
        found += items_of(page, into)
        if page.next is None or page.next == cursor:
            break
        cursor = page.next
    return found


def post_list(path: str, body: Any, into: type[T]) -> Steps[list[T]]:
    """Send what makes several resources, and return them."""
    return items_of((yield from call("POST", path, body, into=Page, timeout=BULK_SECONDS)), into)


def healthy(path: str) -> Steps[bool]:
    """Say whether a health route answers with success; a refusal is an answer too."""
    try:
        yield Request("GET", path)
    except ApiError:
        return False
    return True


def items_of(page: Page, into: type[T]) -> list[T]:
    """Decode what is on a page."""
    return decode(page.items, list[into])  # type: ignore[valid-type] # a list of what was asked for


def decode(data: bytes | msgspec.Raw, into: type[T]) -> T:
    """Decode JSON. Raises Unexpected if it is not what the API answers."""
    try:
        return msgspec.json.decode(data, type=into)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unexpected(f"sends what smdp does not ({error})") from None
