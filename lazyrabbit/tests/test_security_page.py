"""The numbers and lists of docs/security.md and docs/data.md match the code."""

import re
from importlib import metadata

import pytest
from django.apps import apps
from django.conf import settings

from accounts.tests.tables import names, routes, table
from deploy.tests.test_systemd import SERVICES
from lazyrabbit.secret_files import SECRETS
from lazyrabbit.tests.conftest import ROOT

SECURITY = (ROOT / "docs" / "security.md").read_text()
DATA = (ROOT / "docs" / "data.md").read_text()
README = (ROOT / "README.md").read_text()
# Of each section of ASVS 5.0, the levels of its rows, from the first one on.
SECTIONS = """
1.1 22 1.2 1111122223 1.3 112222222223 1.4 222 1.5 123 2.1 122 2.2 112 2.3 12223 2.4 23 3.1 3
3.2 113 3.3 12223 3.4 11222233 3.5 11122333 3.6 3 3.7 22333 4.1 12233 4.2 23333 4.3 22 4.4 1222
5.1 2 5.2 112333 5.3 113 5.4 222 6.1 122 6.2 111111112222 6.3 11223333 6.4 112233 6.5 22222333
6.6 2223 6.7 33 6.8 2222 7.1 222 7.2 1111 7.3 22 7.4 11222 7.5 223 7.6 22 8.1 1233 8.2 1123
8.3 133 8.4 23 9.1 111 9.2 1222 10.1 22 10.2 223 10.3 22223 10.4 1111122222233333 10.5 22222
10.6 22 10.7 222 11.1 2233 11.2 22233 11.3 11233 11.4 1222 11.5 23 11.6 23 11.7 33 12.1 12233
12.2 11 12.3 22223 13.1 2333 13.2 222223 13.3 2233 13.4 1222233 14.1 22 14.2 12223333 14.3 122
15.1 12233 15.2 12233 15.3 1222222 15.4 3333 16.1 2 16.2 22222 16.3 2222 16.4 222 16.5 2223
17.1 23 17.2 22223333 17.3 22
"""
LEVELS = {
    f"{section}.{number}": level
    for section, levels in re.findall(r"(\S+) (\d+)", SECTIONS)
    for number, level in enumerate(levels, 1)
    if level != "3"
}
ROWS = {row[0]: row[1:] for row in table("Rows that apply")}
STATES = ("met", "with a setting", "not met")


def test_every_row_of_levels_1_and_2_is_judged_once():
    others = [row for cells in table("Rows that do not apply") for row in cells[1].split(", ")]

    assert sorted([*ROWS, *others]) == sorted(LEVELS)
    assert {row: cells[0] for row, cells in ROWS.items()} == {row: LEVELS[row] for row in ROWS}


def test_the_counts_are_those_of_the_rows():
    counted = [
        [level, len(of_level), *(of_level.count(state) for state in STATES)]
        for level in "12"
        if (of_level := [state for found, _, state, _ in ROWS.values() if found == level])
    ]
    written = table("OWASP ASVS 5.0")[:2]
    assert [[str(cell) for cell in row] for row in counted] == written
    assert {state for _, _, state, _ in ROWS.values()} <= set(STATES)


@pytest.mark.parametrize("row", [row for row, cells in ROWS.items() if cells[2] != "not met"])
def test_a_row_that_is_met_names_its_proof(row):
    proof = ROWS[row][3]

    settings_named = [name for name in names(proof) if re.fullmatch("[A-Z_]{2,}(=0)?", name)]
    assert all(
        hasattr(settings, name.removesuffix("=0")) or f"`{name}`" in README
        for name in settings_named
    )
    links = re.findall(r"\]\(\S+\)", proof)
    commands = re.findall(r"`S` of ruff|`make \w[\w-]+`", proof)
    assert settings_named or links or commands


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", ["SECURITY.md", "docs/security.md", "docs/data.md"])
def test_every_link_leads_to_a_title_that_there_is(page):
    text = (ROOT / page).read_text()
    for path, anchor in re.findall(r"\]\(((?!https?:)[^)#]*)#([\w-]+)\)", text):
        there = (ROOT / page).parent / path if path else ROOT / page
        assert anchor in anchors(there.read_text()), (path, anchor)


def test_the_pathways_name_every_operation_that_proves_or_sets_something():
    proofs = {"password", "current_password", "new_password", "token", "code", "refresh_token"}
    leave_or_join = {
        "POST /api/v1/auth/signup",
        "POST /api/v1/auth/signout",
        "DELETE /api/v1/users/me",
        "POST /api/v1/users/me/change-email",
    }
    found = {names(row[0])[0] for row in table("The API") if proofs & set(names(row[3]))}
    named = {name for row in table("Pathways of sign-in") for name in names(row[0])}

    assert found - leave_or_join <= named
    assert {"/admin/login", "/admin/password_change"} <= named & {path for path, _ in routes()}


def test_the_list_of_keys_names_every_secret():
    named = {name for row in table("Keys and algorithms") for name in names(row[0])}

    assert named == SECRETS


def test_the_list_of_connections_names_every_address_of_the_settings():
    named = {name for row in table("Where it connects to") for name in names(row[1])}

    assert {name for name in SECRETS if name.endswith("_URL")} <= named


@pytest.mark.parametrize("service", SERVICES)
def test_the_service_does_not_see_its_history(service):
    """A clone has a folder .git, and `install` puts this beside every service."""
    common = (ROOT / "deploy/systemd/common.conf").read_text()

    assert "\nInaccessiblePaths=-/srv/accounts/.git\n" in common
    assert "common.conf" in (ROOT / "deploy/systemd/install").read_text()


def test_the_page_on_data_names_every_column():
    rows = {names(row[0])[0]: row[1:] for row in table("Every column", DATA)}
    stored = {
        model._meta.db_table: sorted(field.column for field in model._meta.concrete_fields)
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy and not model.__module__.startswith("lazyrabbit.tests")
    }
    assert {table: sorted(names(" ".join(cells))) for table, cells in rows.items()} == stored
    places = {name for row in table("Where it is", DATA) for name in names(row[0])}
    assert set(stored) <= places


def test_the_page_on_data_names_the_times_of_the_settings():
    named = re.findall(r"`(\w+_DAYS)` \((\d+)\)", DATA)

    assert {name for name, _ in named} == {"SESSION_RETENTION_DAYS", "EVENT_RETENTION_DAYS"}
    for name, days in named:
        assert getattr(settings, name) == int(days)


def spelt(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.lower())


def brought_along(library: str) -> set[str]:
    """Return the libraries it needs without extras, and the ones those need in turn."""
    found, todo = set(), [library]
    while todo:
        for line in metadata.requires(todo.pop()) or []:
            name, marker = re.match(r"([\w.-]+)[^;]*(.*)", line).groups()
            if "extra ==" not in marker and is_installed(name) and spelt(name) not in found:
                found.add(spelt(name))
                todo.append(name)
    return found


def is_installed(name: str) -> bool:
    return any(True for _ in metadata.distributions(name=name))


def test_every_library_that_is_installed_is_listed():
    needed = (ROOT / "requirements.txt").read_text().partition("# Tests.")[0]
    pinned = re.findall(r"^([\w-]+)(?:\[\w+\])?==", needed, re.MULTILINE)
    listed = {row[0] for row in table("Libraries", (ROOT / "THIRD_PARTY_NOTICES.md").read_text())}

    needs = {spelt(name) for name in pinned}.union(*map(brought_along, pinned))
    assert len(pinned) > 20
    assert needs <= listed
