"""The OpenAPI document of the control API, made of the table of operations and the types of their bodies.

3.1 is JSON Schema as msgspec writes it; 3.0, for generators that need it, is a translation (`smdp.http.openapi30`).
"""

import re
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from importlib.metadata import version as version_of
from typing import Any

import msgspec
from aiohttp import web

from smdp.http.context import API, answer, query
from smdp.http.openapi30 import translated
from smdp.http.operations import OPERATIONS, Operation
from smdp.http.parameters import FORMS, PARAMETERS
from smdp.http.problems import MAX_BODY, ProblemError
from smdp.model import Problem

VERSIONS = {"3.1": "3.1.0", "3.0": "3.0.3"}
PATH = "/openapi.json"

_REF = "#/components/schemas/"
_PAGE_NAME = re.compile(r"Page_(\w+)_")
_PROBLEMS = {
    400: "The request can't be read: its query, its body, its HTTP.",
    401: "The bearer token is missing or wrong.",
    403: "The network turns the device away.",
    404: "What the path names is not there; `fix` says what is near.",
    408: "The body took too long.",
    409: "It can't be done as things stand.",
    413: f"The body is longer than {MAX_BODY // 1024} KiB.",
    415: "The body is compressed.",
    422: "A value is not right.",
    424: "The device's MDM or its SCEP server did what can't be gone on with.",
    503: "The server can't answer now.",
}
_CARRIER_CREATED = {"type": "boolean", "description": "True if this write made the carrier; absent if it did not."}
_INFO = {
    "title": "smdp control API",
    "summary": "Script, watch and break a mock mobile carrier.",
    "description": "Lists answer `{items, next}`; refusals are problem documents (RFC 9457) with `reason`, a stable "
    "slug, `because`, a sentence, and `fix`, what to do. Times are ISO 8601, UTC.",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}


def add_routes(app: web.Application) -> None:
    """Serve the document in this application."""
    app.router.add_get(PATH, _serve)


async def _serve(request: web.Request) -> web.Response:
    wanted = query(request, "version").get("version", "3.1")
    if wanted not in VERSIONS:
        because = f"There is no OpenAPI {wanted[:20]} of this API."
        raise ProblemError(400, "query-invalid", because, f"There is: version={', version='.join(VERSIONS)}.")
    return answer(document(wanted))


@cache
def document(version: str = "3.1") -> dict[str, Any]:
    """Make the document, in one of VERSIONS."""
    schemas = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    found = {
        "openapi": VERSIONS[version],
        "info": _INFO | {"version": version_of("smdp")},
        "servers": [{"url": "/", "description": "the server that serves this document"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(map(_tag, OPERATIONS))],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {str(status): _problem(status, schemas) for status in _PROBLEMS},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "SMDP_CONTROL_TOKEN"}},
        },
    }
    return translated(found) if version == "3.0" else found


# --- operations


def _operation(operation: Operation, schemas: "_Schemas") -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [_tag(operation)],
        "security": [] if operation.open else [{}, {"token": []}],
        "parameters": list(_parameters(operation)),
        "responses": {str(status): _success(operation, status, schemas) for status in operation.status}
        | {str(status): {"$ref": f"#/components/responses/{status}"} for status in _refusals(operation)},
    }
    if operation.takes is not None:
        content = {"application/json": {"schema": schemas.of_body(operation.takes)}}
        found["requestBody"] = {"required": not operation.empty, "content": content}
    return found


def _tag(operation: Operation) -> str:
    """Return the noun that a path is about."""
    nouns = [part for part in operation.path.removeprefix(API).split("/") if part and "{" not in part]
    if not operation.path.startswith(API) or not nouns:
        return "server"
    return nouns[1] if nouns[0] == "carriers" and len(nouns) > 1 and "{carrier}" in operation.path else nouns[0]


def names(path: str) -> list[str]:
    """Return the parameters of a path."""
    return re.findall(r"{(\w+)}", path)


def _parameters(operation: Operation) -> Iterable[dict[str, Any]]:
    places = (("path", names(operation.path)), ("query", operation.query), ("header", operation.headers))
    for place, those in places:
        for name in those:
            text, schema, example = PARAMETERS.get(f"{operation.id}.{name}") or PARAMETERS[name]
            if place == "query" and "pattern" in schema:
                schema = {"type": "string"}  # a filter that nothing can match is a filter
            required = {"required": True} if place == "path" else {}
            yield {"name": name, "in": place, **required, "description": text, "schema": schema, "example": example}


def _refusals(operation: Operation) -> list[int]:
    """Say which problems an operation may answer with."""
    if operation.open:
        return sorted(operation.more)
    found = {400, 401, 503, *operation.more}
    if "{" in operation.path:
        found |= {404, 422}
    if operation.query:
        found |= {404, 422}
    if operation.method != "GET":
        found |= {409, 422}
    if operation.takes is not None:
        found |= {404, 408, 413, 415, 422}
    return sorted(found)


def _success(operation: Operation, status: int, schemas: "_Schemas") -> dict[str, Any]:
    found: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if status == HTTPStatus.NO_CONTENT:
        return found
    schema = {"type": "string"} if operation.answers is None else schemas.of_answer(operation.answers)
    if operation.creates_carrier and status == HTTPStatus.CREATED:
        schema = {"allOf": [schema, {"type": "object", "properties": {"carrier_created": _CARRIER_CREATED}}]}
    found["content"] = {
        media: {"schema": schema if media == "application/json" else {"type": "string"}} for media in operation.media
    }
    if links := _links(operation):
        found["links"] = links
    return found


def _links(operation: Operation) -> dict[str, Any]:
    """Lead from what an operation makes, or lists, to everything that is done with one."""
    if operation.makes is None:
        return {}
    parameter, pointer = operation.makes
    own = names(operation.path)
    return {
        other.id: {
            "operationId": other.id,
            "parameters": {parameter: f"$response.body#{pointer}"} | {name: f"$request.path.{name}" for name in own},
        }
        for other in OPERATIONS
        if other.path.startswith(operation.path + "/{") and set(names(other.path)) == {parameter, *own}
    }


def _problem(status: int, schemas: "_Schemas") -> dict[str, Any]:
    content = {"application/problem+json": {"schema": schemas.of_answer(Problem)}}
    return {"description": _PROBLEMS[status], "content": content}


# --- schemas


class _Schemas:
    """The components: what is answered has all its members, what is sent may have no others."""

    def __init__(self) -> None:
        answers = [Problem, *_types(operation.answers for operation in OPERATIONS)]
        bodies = _types(operation.takes for operation in OPERATIONS)
        self._answers, answered = _components(answers)
        self._bodies, sent = _components(bodies)
        omitting = {kind.__name__ for kind in answers if getattr(kind, "__struct_config__", None) and _omits(kind)}
        self.components = {
            _answered_name(name): _answered(schema, whole=name not in omitting) for name, schema in answered.items()
        }
        self._twice = answered.keys() & sent.keys()
        self.components |= {self._sent_name(name): self._sent(schema) for name, schema in sent.items()}

    def of_answer(self, kind: Any) -> dict[str, Any]:
        """Return the schema of what is answered."""
        return _any_of([_answered(self._answers[one]) for one in _kinds(kind)])

    def of_body(self, kind: Any) -> dict[str, Any]:
        """Return the schema of what is sent."""
        return _any_of([self._sent(self._bodies[one]) for one in _kinds(kind)])

    def _sent_name(self, name: str) -> str:
        return f"{name}Body" if name in self._twice else name

    def _sent(self, schema: Any) -> Any:
        found = _mapped(schema, self._sent_name)
        if "properties" not in found:
            return found
        members = {
            name: _formed(inner, FORMS.get(f"{found['title']}.{name}", FORMS.get(name, {})))
            for name, inner in found["properties"].items()
        }
        return found | {"properties": members, "additionalProperties": False}


def _omits(kind: Any) -> bool:
    return bool(kind.__struct_config__.omit_defaults)


def _kinds(kind: Any) -> tuple[Any, ...]:
    return kind if isinstance(kind, tuple) else (kind,)


def _types(kinds: Iterable[Any]) -> list[Any]:
    return [one for kind in kinds if kind is not None for one in _kinds(kind)]


def _components(kinds: list[Any]) -> tuple[dict[Any, Any], dict[str, Any]]:
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF + "{name}")
    return dict(zip(kinds, schemas, strict=True)), components


def _answered_name(name: str) -> str:
    return _PAGE_NAME.sub(r"\1Page", name)


def _answered(schema: Any, *, whole: bool = True) -> Any:
    """Require every member, and leave room for more: later versions add some."""
    found = _mapped(schema, _answered_name)
    if "properties" not in found:
        return found
    found.pop("additionalProperties", None)
    return found | {"required": list(found["properties"]) if whole else found.get("required", [])}


def _mapped(schema: Any, name: Any) -> Any:
    """Copy a schema with its references renamed, and with a type for its words, which generators ask for."""
    if isinstance(schema, dict):
        words = {"type": "string"} if all(isinstance(word, str) for word in schema.get("enum", [0])) else {}
        return words | {
            key: _REF + name(value.removeprefix(_REF)) if key == "$ref" else _mapped(value, name)
            for key, value in schema.items()
        }
    return [_mapped(one, name) for one in schema] if isinstance(schema, list) else schema


def _formed(schema: dict[str, Any], form: dict[str, Any]) -> dict[str, Any]:
    """Say of a member what its type does not, wherever in it that type is."""
    if schema.get("type") == form.get("type"):
        return schema | form
    if "anyOf" in schema:
        return schema | {"anyOf": [_formed(kind, form) for kind in schema["anyOf"]]}
    return schema | {"items": _formed(schema["items"], form)} if "items" in schema else schema


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
