"""The pages that people and load balancers open first."""

import json
import re
import subprocess

import pytest
from django.db import connection

from lazyrabbit.tests.conftest import ROOT

PAGES = sorted(
    page.relative_to(ROOT) for folder in (ROOT, ROOT / "docs") for page in folder.glob("*.md")
)


def test_the_root_leads_to_the_documentation(client):
    answer = client.get("/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/docs")


@pytest.mark.parametrize("address", ["/docs", "/docs/", "/redoc", "/redoc/"])
def test_the_documentation_loads_nothing_from_another_host(client, address):
    page = client.get(address)

    assert page.status_code == 200
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert addresses
    for asset in addresses:
        assert asset.startswith(("/static/", "/docs", "data:")), asset


def test_redoc_forbids_the_logo_that_its_bundle_asks_another_host_for(client):
    assert "img-src 'self' data:;" in client.get("/redoc").headers["Content-Security-Policy"]


@pytest.mark.postgresql
@pytest.mark.django_db
def test_no_statement_and_no_lock_waits_for_long():
    with connection.cursor() as cursor:
        limits = [
            cursor.execute(f"SHOW {name}").fetchone()[0]
            for name in ("statement_timeout", "lock_timeout")
        ]
    assert limits == ["3s", "2s"]


def test_a_stale_token_does_not_close_the_documentation(client):
    client.credentials(HTTP_AUTHORIZATION="Bearer stale")

    assert client.get("/docs").status_code == 200
    assert client.get("/api/v1/openapi.json").status_code == 200


def test_options_reveals_no_serializers_or_parsers(client):
    answer = client.options("/api/health")

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/account/reset-password",
        "/admin/",
        "/admin/login/",
        "/api/health",
        "/api/health/ready",
        "/api/v1/auth/signin",
        "/api/v1/openapi.json",
        "/api/v1/users/me",
        "/api/v1/users/me/sessions/15811b57-a172-47dc-99ba-0896ae884b36",
        "/docs",
        "/metrics",
        "/redoc",
    ],
)
def test_options_is_answered_where_allow_names_it(client, address):
    refused, answer = client.put(address), client.options(address)

    for allowed in {refused.headers.get("Allow"), answer.headers.get("Allow")} - {None}:
        assert ("OPTIONS" in allowed) == (answer.status_code != 405)


def test_the_admin_is_found_without_its_slash(client):
    answer = client.get("/admin")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")


def promises() -> list[tuple[str, str]]:
    """Return each test named on the pages on security, with its file."""
    texts = [(ROOT / page).read_text() for page in ("SECURITY.md", "docs/security.md")]
    found = [re.findall(r"\[`(test_\w+)`\]\((?:\.\./)?([\w/.]+)\)", text) for text in texts]
    assert all(found)
    return sorted({promise for promises in found for promise in promises})


@pytest.mark.parametrize(("test", "file"), promises())
def test_every_promise_has_its_test(test, file):
    assert f"def {test}(" in (ROOT / file).read_text()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_between_the_documents_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text())

    assert [link for link in links if not (ROOT / page.parent / link).exists()] == []


def shape(value):
    """Return the names of an answer's members and the types of its values."""
    if isinstance(value, dict):
        return {name: shape(value[name]) for name in value}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value)


def answers(text: str) -> list[object]:
    """Return the JSON texts that follow one another."""
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        answer, end = decoder.raw_decode(text)
        found.append(answer)
        text = text[end:]
    return found


def test_the_session_of_the_readme_can_be_pasted(live_server):
    readme = (ROOT / "README.md").read_text()
    (session,) = re.findall(r"```sh\n(B=.*?)```", readme, re.DOTALL)
    written = answers("\n".join(re.findall(r"^# (.*)", session, re.MULTILINE)))

    pasted = session.replace("http://127.0.0.1:8000", live_server.url)
    ran = subprocess.run(["bash", "-e"], input=pasted, capture_output=True, text=True, check=True)

    given = answers(ran.stdout)
    assert [shape(answer) for answer in given] == [shape(answer) for answer in written]
    assert given[-1]["code"] == written[-1]["code"]
