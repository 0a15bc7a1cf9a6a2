"""Walking an OpenAPI document, and what tells a schema of 3.1 from one of 3.0."""


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def schemas_of(document):
    """Every schema of a document, those inside others too."""
    waiting = list(document["components"]["schemas"].values())
    waiting += [schema for path in document["paths"].values() for schema in _under_schema(path)]
    while waiting:
        schema = waiting.pop()
        if not isinstance(schema, dict):
            continue
        yield schema
        waiting += schema.get("properties", {}).values()
        waiting += [schema[key] for key in ("items", "additionalProperties", "not") if key in schema]
        waiting += [inner for key in ("anyOf", "allOf", "oneOf", "prefixItems") for inner in schema.get(key, [])]


def _under_schema(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "schema":
                yield inner
            else:
                yield from _under_schema(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _under_schema(inner)


def spoiled_by_31(schema):
    kind = schema.get("type")
    return (
        isinstance(kind, list)
        or kind == "null"
        or bool({"const", "prefixItems", "examples", "$defs", "contentEncoding"} & schema.keys())
        or any(
            isinstance(schema.get(limit), int | float) and not isinstance(schema[limit], bool)
            for limit in ("exclusiveMinimum", "exclusiveMaximum")
        )
        or schema.get("required") == []
        or (schema.get("type") == "array" and "items" not in schema)
    )
