"""The rules of the architecture that a test can check: imports between rooms, and their files."""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ACCOUNTS = Path(__file__).parent.parent

# A room may import the rooms named here, errors and viewsets, and nothing else of ours.
MAY_IMPORT = {
    "actors": set(),
    "events": {"actors"},
    "throttling": {"actors", "events"},
    "users": {"actors", "events"},
    "links": {"users"},
    "outbox": {"actors", "events", "throttling", "users", "links"},
    "sessions": {"actors", "events", "throttling", "users", "links", "outbox"},
    "lockouts": {"actors", "events", "throttling", "users", "outbox", "sessions"},
    "reauthentication": {"actors", "events", "throttling", "users", "sessions", "lockouts"},
    "passwords": {
        *("actors", "events", "users", "links", "outbox", "sessions", "lockouts"),
        "reauthentication",
    },
    "auth": {
        *("actors", "events", "throttling", "users", "links", "outbox", "sessions", "lockouts"),
        "passwords",
    },
    "email_addresses": {
        *("actors", "events", "throttling", "users", "links", "outbox", "sessions"),
        *("reauthentication", "auth"),
    },
    "me": {"actors", "events", "users", "outbox", "sessions", "reauthentication", "passwords"},
    "link_pages": {
        *("actors", "users", "links", "outbox", "reauthentication", "passwords"),
        "email_addresses",
    },
    "staff": {
        *("actors", "events", "users", "links", "outbox", "sessions", "reauthentication"),
        *("passwords", "auth", "email_addresses"),
    },
    "backups": {"actors", "events"},
}
SHARED = {"errors", "viewsets"}

# Inside a room, views import serializers and flows, and those import the room's nouns.
LAYERS = {
    "models": set(),
    "flows": {"models"},
    "serializers": {"models"},
    "pagination": {"models", "serializers"},
    "authentication": {"models", "flows"},
    "throttles": {"models", "flows"},
    "middleware": {"models", "flows"},
    "views": {
        *("models", "flows", "serializers", "pagination", "authentication", "throttles"),
    },
}
# A room may have three modules that are named after its own nouns; here is what each may import.
NOUNS = {
    "actors": {"ip_addresses": set(), "actor": {"ip_addresses", "devices"}, "devices": set()},
    "throttling": {"limits": set(), "forgeries": {"flows", "limits"}},
    "users": {"hashers": {"hashing_pool"}, "hashing_pool": set(), "fields": {"models"}},
    "sessions": {"tokens": {"models"}},
    "reauthentication": {"proofs": set()},
    "passwords": {"breaches": set(), "policy": {"breaches"}},
    "link_pages": {"forms": set()},
    "backups": {"files": set(), "sqlite": {"files"}, "postgresql": {"files"}},
    "outbox": {"texts": {"models"}, "tasks": {"models", "texts"}, "sender": {"models"}},
}
MAY_SEE_A_REQUEST = {
    *("views", "pagination", "authentication", "throttles", "middleware"),
    *("ip_addresses", "actor"),
}
# The room "staff" has a page for each of the others instead.
PAGES = {
    "lists": set(),
    "cookies": set(),
    "permissions": set(),
    "base": {"lists"},
    "actions": {"permissions", "flows"},
    "passwords": set(),
    "events": {"base", "lists"},
    "outbox": {"base"},
    "sessions": {"permissions"},
    "groups": {"base", "permissions"},
    "users": {*("base", "lists", "permissions", "flows", "actions", "passwords", "sessions")},
    "site": {"passwords"},
}

MODULES = [
    path
    for room in MAY_IMPORT
    for path in sorted((ACCOUNTS / room).glob("*.py"))
    if path.name != "__init__.py"
]


def imports(path: Path) -> set[str]:
    """Return the full names of the modules and objects that a file imports at run time."""
    tree, found = ast.parse(path.read_text()), set()
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    for_types = {
        child
        for block in blocks
        if ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        for child in ast.walk(statement)
    }
    for node in set(ast.walk(tree)) - for_types:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: import by the full name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def ours(path: Path) -> list[list[str]]:
    return [name.split(".")[1:] for name in imports(path) if name.startswith("accounts.")]


def named(path: Path) -> str:
    return str(path.relative_to(ACCOUNTS.parent))


def test_every_room_has_its_place():
    rooms = {path.parent.name for path in ACCOUNTS.glob("*/__init__.py")}
    assert rooms - {"migrations", "tests", "management"} == set(MAY_IMPORT)


def test_the_order_of_the_rooms_has_no_circle():
    built: set[str] = set()
    for room, below in MAY_IMPORT.items():
        assert below <= built, room
        built.add(room)


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_room_imports_only_rooms_below_it(path):
    room = path.parent.name
    assert {name[0] for name in ours(path)} <= {room, *MAY_IMPORT[room], *SHARED}


@pytest.mark.parametrize("name", sorted(SHARED))
def test_a_module_that_every_room_may_import_stands_below_them(name):
    assert {module[0] for module in ours(ACCOUNTS / f"{name}.py")} <= {"actors", *SHARED}


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_inside_a_room_imports_point_downward(path):
    room, nouns = path.parent.name, NOUNS.get(path.parent.name, {})
    if room == "staff":
        nouns = PAGES
    else:
        assert len(nouns) <= 3
    assert path.stem in LAYERS or path.stem in nouns, "a room holds no such file"
    below = {name[1] for name in ours(path) if name[0] == room}
    # The room's nouns are on the level of its models: every layer above may import them.
    allowed = LAYERS[path.stem] | set(nouns) if path.stem in LAYERS else nouns[path.stem]
    if path.stem == "models":
        allowed = {noun for noun, needs in nouns.items() if "models" not in needs}
    assert below <= allowed


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_only_the_edge_of_a_room_sees_a_request(path):
    if path.stem not in MAY_SEE_A_REQUEST and path.parent.name != "staff":
        assert not {name for name in imports(path) if name.split(".")[-1].endswith("Request")}


@pytest.mark.parametrize("path", sorted(ACCOUNTS.rglob("*.py")), ids=named)
def test_nothing_in_accounts_imports_the_project(path):
    assert not {name for name in imports(path) if name.split(".")[0] == "lazyrabbit"}


@pytest.mark.parametrize(
    "path", [ACCOUNTS / name for name in ("models.py", "admin.py", "urls.py")], ids=named
)
def test_an_index_holds_no_logic(path):
    kinds = (ast.FunctionDef, ast.ClassDef, ast.If, ast.For, ast.While, ast.Try)
    assert not [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)]


@pytest.mark.parametrize("path", sorted(ACCOUNTS.parent.glob("[al]*/**/*.py")), ids=named)
def test_a_module_is_split_before_it_has_300_lines(path):
    assert len(path.read_text().splitlines()) <= 300
