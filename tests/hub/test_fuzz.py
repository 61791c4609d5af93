"""Whatever is sent to whatever route, the hub answers. By schemathesis, over the hub's OpenAPI document.

Handlers read requests by themselves, so the document has addresses and methods alone. What clients may send is added
here, broadly: known names with any value. `make soak` tries many more, and others each time.
"""

from __future__ import annotations

import os
import re
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.errors import SerializationNotPossible

from spaces_runtime.domain.repo import Kind
from spaces_runtime.hub.app import ROUTERS
from spaces_runtime.hub.openapi import ADDRESS
from tests.hub.conftest import Account
from tests.hub.serving import Hub

TRIES = int(os.environ.get("FUZZ_TRIES", "5"))  # requests of each route
SOAK = "FUZZ_TRIES" in os.environ
ENDLESS = re.compile(r"/logs/|/events\Z")  # streams
NOT_ONES_OWN = re.compile(r"\A/api/settings/tokens")
KIND = re.compile(r"\A(/api)?/(?:datasets|spaces)(?=/\{namespace\}/\{name\})")
FINE = {501, 507}  # not offered; the disk is full
GOOD = {
    "path": ["README.md"],
    "branch": ["main", "b"],
    "tag": ["v1"],
    "user": ["ann"],
    "org": ["acme"],
    "kind": ["models", "spaces"],
    "plural": ["models", "spaces"],
    "state": ["pending"],
}
QUERY = """
limit cursor search author filter sort direction full expand recursive blobs service p path type status create_pr force
raw config cardData
""".split()  # noqa: SIM905 - read as a table
BODY = """
name organization type private visibility sdk hardware sleepTimeSeconds secrets variables volumes gated fromRepo toRepo
repository files gitIgnore paths expand key value description flavor seconds startingPoint tag message user userId role
operation objects transfers hash_algo oid size parts deletions target content repoType template status title fullname
""".split()  # noqa: SIM905
TRICKY = ["", "main", "..", "a/b", "%2e%2e%2f", "\x00", "é\u0301", "x" * 300, "-1", "1e9", "NaN", "null", "0" * 64]
TEXT = {"anyOf": [{"enum": TRICKY}, {"type": "string", "maxLength": 40}]}
# What is not there is quickly answered: most requests are about what is.
KNOWN = {
    "namespace": {"enum": ["ann", "ANN", "me"]},
    "name": {"enum": ["fuzzed", "Fuzzed", "fuzzed.git"]},
    "rev": {"enum": ["main", "HEAD", "refs/heads/main", *TRICKY]},
}
ANYTHING: dict[str, Any] = {
    "anyOf": [
        TEXT, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}, {"type": "null"},
        {"type": "array", "maxItems": 3, "items": {"anyOf": [TEXT, {"type": "integer"}, {"$ref": "#/x/flat"}]}},
        {"$ref": "#/x/flat"},
    ]
}  # fmt: skip
FLAT = {
    "type": "object",
    "maxProperties": 4,
    "properties": dict.fromkeys(("path", "size", "oid", "sample", "key"), TEXT),
}


def document(hub: Hub) -> dict[str, Any]:
    """The hub's own, with what may be sent."""
    found = httpx.get(f"{hub.url}{ADDRESS}").json()
    paths: dict[str, Any] = {}
    for path, operations in found["paths"].items():
        of_models = KIND.sub(lambda kind: "/api/models" if kind[1] else "", path)
        again = of_models != path and of_models in found["paths"]  # the same handler
        if ENDLESS.search(path) or NOT_ONES_OWN.match(path) or again:
            continue
        paths[path] = {method: _filled(path, method, told) for method, told in operations.items()}
    flat = {**FLAT, "additionalProperties": TEXT}
    return {**found, "paths": paths, "x": {"flat": flat}}


def _either(good: list[str]) -> dict[str, Any]:
    return {"anyOf": [{"enum": good}, TEXT]}


def _filled(path: str, method: str, told: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": KNOWN.get(name) or _either(GOOD.get(name, ["x"]))}
        for name in re.findall(r"\{(\w+)\}", path)
    ]
    parameters += [{"name": name, "in": "query", "schema": TEXT} for name in QUERY]
    filled = {"operationId": f"{method} {path}", "parameters": parameters, "responses": {"200": {"description": ""}}}
    if method in ("post", "put", "delete", "patch"):
        sent = {"type": "object", "maxProperties": 6, "properties": dict.fromkeys(BODY, ANYTHING)}
        content = {"application/json": {"schema": {"anyOf": [sent, ANYTHING]}}}
        filled["requestBody"] = {"content": content, "required": False}
    return filled


@pytest.fixture(scope="module")
def fuzzed(hub: Hub, ann: Account) -> list[Any]:
    """Every operation."""
    schema = schemathesis.openapi.from_dict(document(hub))
    return [found.ok() for found in schema.get_all_operations()]


def test_no_request_makes_the_hub_fail(hub: Hub, fuzzed: list[Any], ann: Account, make) -> None:
    assert len(fuzzed) > 80
    for kind in (Kind.MODEL, Kind.SPACE):
        make(kind, name="fuzzed")
    failed: dict[str, str] = {}
    with httpx.Client(base_url=hub.url, timeout=20) as client:
        for operation in fuzzed:
            failed |= _tried(client, operation, ann.write)
    assert not failed, "\n".join(f"{name}: {what}" for name, what in failed.items())


def _tried(client: httpx.Client, operation: Any, token: str) -> dict[str, str]:
    found: dict[str, str] = {}

    @settings(
        max_examples=TRIES, deadline=None, database=None, derandomize=not SOAK, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(), known=st.sampled_from([True, True, True, False]))
    def ask(case: Any, known: bool) -> None:
        headers = {"Authorization": f"Bearer {token}"} if known else {}
        try:
            told = case.as_transport_kwargs(base_url=str(client.base_url))
        except SerializationNotPossible:
            return
        request = {key: told[key] for key in ("method", "url", "params", "json", "data") if told.get(key) is not None}
        try:
            answer = client.request(**request, headers=headers)
        except httpx.TransportError as error:
            found[operation.label] = f"{error!r} for {request}"
            return
        if answer.status_code >= 500 and answer.status_code not in FINE:
            found[operation.label] = f"{answer.status_code} {answer.text[:200]} for {request}"

    ask()
    return found


def test_the_document_is_openapi_and_names_every_route_for_clients_and_no_other(hub: Hub) -> None:
    told = httpx.get(f"{hub.url}{ADDRESS}").json()
    schemathesis.openapi.from_dict(told).validate()
    assert told["servers"] == [{"url": hub.url}]
    operations = [each for path in told["paths"].values() for each in path.values()]
    assert all(each["summary"] for each in operations)
    assert len({each["operationId"] for each in operations}) == len(operations)
    there = {path for router in ROUTERS for route in router.routes for path in [route.path] if route.include_in_schema}
    assert {path.replace(":path}", "}") for path in there} == set(told["paths"])
    assert not [path for path in told["paths"] if path.startswith("/internal")]
    found = told["paths"]["/api/models/{namespace}/{name}/tree/{rev}/{path}"]["get"]
    assert [each["name"] for each in found["parameters"]] == ["namespace", "name", "rev", "path"]


@pytest.mark.parametrize("name", ["a\0b", "a\x1b[31mb", "a\x7fb", "a\nb: c", "é\u2028b"])
def test_what_cannot_be_in_a_header_is_still_answered_in_words(client: httpx.Client, ann: Account, name: str) -> None:
    headers = {"Authorization": f"Bearer {ann.write}"}
    answer = client.post("/api/repos/create", json={"name": name, "type": name}, headers=headers)
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]
