"""Whatever the OpenAPI description allows, and what it does not, is answered without a 5xx."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings

from tests.small_workspace import open_small
from workbench.actions.serving import Serving
from workbench.api import install

PATHS = re.compile("/(v1|health|metrics|api/(s|c|tool))")
"""Not those that start runs or ask other servers."""


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    with open_small(Path(tmp_path_factory.mktemp("described"))) as store:
        serving, app = Serving(store), FastAPI(openapi_url="/api/openapi.json")
        install(app, store, serving)
        yield schemathesis.openapi.from_asgi("/api/openapi.json", app)
        serving.close()


def test_no_request_breaks_the_server(described):
    """Without schemathesis' pytest plugin, which does not know pytest 9."""
    asked = set()
    for found in described.get_all_operations():
        operation = found.ok()
        if not PATHS.match(operation.path):
            continue

        @given(case=operation.as_strategy())
        @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        def run(case):
            response = case.call()
            asked.add((case.method, case.path))
            assert response.status_code < 500, (case.method, case.path, case.body, response.content[:300])

        run()
    assert ("POST", "/v1/chat/completions") in asked and len(asked) > 10
