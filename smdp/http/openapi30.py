"""OpenAPI 3.1 to 3.0: its schemas are an older JSON Schema, without null, const, type lists and tuples."""

from typing import Any

_NULL = {"type": "null"}
_DROPPED = frozenset({"$schema", "$defs", "contentEncoding", "contentMediaType", "unevaluatedProperties"})


def translated(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document of 3.1 as one of 3.0."""
    found: dict[str, Any] = _walk(document)
    found["openapi"] = "3.0.3"
    found["info"].pop("summary", None)
    found["info"]["license"].pop("identifier", None)
    return found


def _walk(value: Any) -> Any:
    """Translate whatever is a schema; everything else is alike in both versions."""
    if isinstance(value, list):
        return [_walk(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, inner in value.items():
        if key == "schema":
            found[key] = schema(inner)
        elif key == "schemas":
            found[key] = {name: schema(one) for name, one in inner.items()}
        else:
            found[key] = _walk(inner)
    return found


def schema(value: Any) -> Any:
    """Translate a JSON Schema."""
    if not isinstance(value, dict):
        return {} if value is True else value
    found = dict(value)
    _nullable(found)
    if found.get("contentEncoding") == "base64":
        found["format"] = "byte"
    found = {key: inner for key, inner in found.items() if key not in _DROPPED and (key, inner) != ("required", [])}
    if "const" in found:
        found["enum"] = [found.pop("const")]
    if "examples" in found:
        found["example"] = found.pop("examples")[0]
    if "prefixItems" in found:
        members = found.pop("prefixItems")
        found["items"] = {"anyOf": members}
        found.setdefault("minItems", len(members))
    for limit in ("Minimum", "Maximum"):
        if isinstance(found.get(f"exclusive{limit}"), int | float):
            found[limit.lower()] = found[f"exclusive{limit}"]
            found[f"exclusive{limit}"] = True
    return {key: _inside(key, inner) for key, inner in found.items()}


def _nullable(found: dict[str, Any]) -> None:
    """Say `nullable` where null is one of several types."""
    if isinstance(found.get("type"), list):
        kinds = found.pop("type")
        found["anyOf"] = [{"type": kind} for kind in kinds]
    kinds = found.get("anyOf", [])
    if _NULL in kinds:
        rest = [kind for kind in kinds if kind != _NULL]
        del found["anyOf"]
        inner = rest[0] if len(rest) == 1 and "$ref" not in rest[0] else {"anyOf": rest}
        found.update({**inner, **found, "nullable": True})
    if "enum" in found and (found.get("nullable") or None in found["enum"]):
        found.update(enum=[*(word for word in found["enum"] if word is not None), None], nullable=True)
    if found.get("type") == "null":
        found.update(enum=[None], nullable=True, type="string")


def _inside(key: str, inner: Any) -> Any:
    if key in ("properties", "patternProperties"):
        return {name: schema(one) for name, one in inner.items()}
    if key in ("items", "additionalProperties", "not"):
        return schema(inner)
    if key in ("anyOf", "allOf", "oneOf"):
        return [schema(one) for one in inner]
    return inner
