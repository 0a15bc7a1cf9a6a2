"""The OpenAPI: complete against the routes, sound in itself, and true of a running server."""

import json
import re

import pytest

import smdp
from smdp.http.openapi import document
from smdp.http.operations import OPERATIONS
from tests.http.openapi_rules import references, schemas_of, spoiled_by_31

METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture(scope="module")
def server():
    with smdp.Server() as running:
        yield running


# --- complete


def routes(server):
    from smdp.http.app import control_app

    for route in control_app(server.parts).router.routes():
        if route.method != "HEAD" and route.resource is not None:
            yield route.method, route.resource.canonical


def test_every_route_has_an_operation_and_every_operation_a_route(server):
    registered = sorted(routes(server))
    described = sorted((operation.method, operation.path) for operation in OPERATIONS)
    assert described == registered, "smdp/http/operations.py says at its top how to add one"


def test_operation_ids_are_unique_and_names_of_functions():
    ids = [operation.id for operation in OPERATIONS]
    assert len(set(ids)) == len(ids)
    assert [name for name in ids if not re.fullmatch(r"[a-z][A-Za-z0-9]+", name)] == []


# --- sound


@pytest.mark.parametrize("version", ["3.1", "3.0"])
def test_references_and_links_lead_somewhere(version):
    found = document(version)
    for reference in references(found):
        at = found
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]
        assert at, reference
    links = [
        (operation["operationId"], link)
        for path in found["paths"].values()
        for operation in path.values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    by_id = {operation["operationId"]: operation for path in found["paths"].values() for operation in path.values()}
    assert len(links) > 20
    for name, link in links:
        wanted = {one["name"] for one in by_id[link["operationId"]]["parameters"] if one["in"] == "path"}
        assert set(link["parameters"]) == wanted, (name, link)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_an_operation_says_what_it_takes_and_answers(operation):
    described = document()["paths"][operation.path][operation.method.lower()]
    in_path = [one["name"] for one in described["parameters"] if one["in"] == "path"]
    assert in_path == re.findall(r"{(\w+)}", operation.path)
    assert all(one["description"] and "example" in one for one in described["parameters"])
    assert described["summary"].endswith(".")
    assert min(described["responses"]) in ("200", "201", "204")
    for status in operation.status:
        content = described["responses"][str(status)].get("content")
        assert (content is None) == (status == 204)
    assert ("requestBody" in described) == (operation.takes is not None)


def test_what_is_answered_has_all_members_and_what_is_sent_may_have_no_others():
    schemas = document()["components"]["schemas"]
    assert schemas["Profile"]["required"] == list(schemas["Profile"]["properties"])
    assert "additionalProperties" not in schemas["Limits"]
    assert schemas["CarrierSettings"]["required"] == []
    assert schemas["CarrierSettings"]["additionalProperties"] is False
    assert "name" not in schemas["CarrierSettings"]["properties"]
    assert schemas["PlanOrder"]["required"] == ["name"]


def test_30_has_nothing_of_31():
    old = document("3.0")
    assert old["openapi"] == "3.0.3"
    assert [schema for schema in schemas_of(old) if spoiled_by_31(schema)] == []
    assert [schema for schema in schemas_of(document()) if spoiled_by_31(schema)], "the rule finds what is of 3.1"
    reuse = old["components"]["schemas"]["Carrier"]["properties"]["reuse"]
    assert (reuse["nullable"], reuse["enum"][-1]) == (True, None)
    nearest = old["components"]["schemas"]["EidReport"]["properties"]["nearest"]
    assert nearest["anyOf"] == [{"$ref": "#/components/schemas/Nearest"}]
    assert nearest["nullable"] is True


# --- served


@pytest.mark.parametrize(("query", "version"), [("", "3.1.0"), ("?version=3.1", "3.1.0"), ("?version=3.0", "3.0.3")])
def test_it_is_served(server, query, version):
    status, body = get(server, "/openapi.json" + query)
    assert status == 200
    assert json.loads(body)["openapi"] == version


def test_an_unknown_version_is_told_the_known(server):
    status, body = get(server, "/openapi.json?version=2.0")
    assert status == 400
    assert json.loads(body)["fix"] == "There is: version=3.1, version=3.0."


def get(server, path):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.control_port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
