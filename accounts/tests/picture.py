"""Draw the imports between rooms: ``python -m accounts.tests.picture`` updates the document."""

import re
from pathlib import Path

from accounts.tests.test_architecture import ACCOUNTS, MAY_IMPORT, MODULES, ours

PAGE = ACCOUNTS.parent / "docs" / "architecture.md"
BLOCK = re.compile(r"(?<=```mermaid\n).*?(?=```)", re.DOTALL)


def imported() -> dict[str, set[str]]:
    """Return the rooms that the files of each room import."""
    found: dict[str, set[str]] = {room: set() for room in MAY_IMPORT}
    for path in MODULES:
        room = path.parent.name
        found[room] |= {name[0] for name in ours(path)} & set(MAY_IMPORT) - {room}
    return found


def reachable(room: str, below: dict[str, set[str]]) -> set[str]:
    return set().union(below[room], *(reachable(other, below) for other in below[room]))


def mermaid() -> str:
    """Return the picture, without arrows that are implied by a longer path."""
    below = imported()
    lines = ["flowchart TD"]
    for room in reversed(MAY_IMPORT):
        longer = set().union(*(reachable(other, below) for other in below[room]))
        lines += [f"    {room} --> {other}" for other in sorted(below[room] - longer)]
    return "\n".join(lines) + "\n"


def write(page: Path = PAGE) -> None:
    page.write_text(BLOCK.sub(mermaid(), page.read_text(), count=1))


if __name__ == "__main__":
    write()
