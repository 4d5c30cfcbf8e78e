"""Passwords from data breaches: a sorted file of digests, searched without reading it whole.

The file holds the first eight bytes of the SHA-1 of each password and nothing else.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from hashlib import sha1
from itertools import pairwise
from mmap import ACCESS_READ, mmap
from pathlib import Path

# With a billion passwords in the file, one in 18 billion others is refused by accident.
DIGEST_BYTES = 8
BUNDLED = Path(__file__).parent / "breached-passwords.bin"
SAMPLES = 1000
HEX = 40  # The length of a SHA-1.


class BreachedPasswords:
    """The passwords of a file, which is mapped, so that processes share its pages.

    Raises OSError, or ValueError if the file has another format.
    """

    def __init__(self, file: Path) -> None:
        with file.open("rb") as opened:
            self.digests = mmap(opened.fileno(), 0, access=ACCESS_READ)
        self.number, rest = divmod(len(self.digests), DIGEST_BYTES)
        if rest or not self.looks_sorted():
            raise ValueError

    def at(self, index: int) -> bytes:
        return self.digests[index * DIGEST_BYTES : (index + 1) * DIGEST_BYTES]

    def looks_sorted(self) -> bool:
        # A sample: to read all of a large file would take minutes at each start.
        places = range(0, self.number, max(1, self.number // SAMPLES))
        return all(self.at(one) < self.at(next_one) for one, next_one in pairwise(places))

    def __contains__(self, password: str) -> bool:
        digest = beginning(password)
        index = bisect_left(range(self.number), digest, key=self.at)
        return index < self.number and self.at(index) == digest


def beginning(password: str) -> bytes:
    # SHA-1 protects nothing here: lists of breached passwords are published in it.
    digest = sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    return digest.digest()[:DIGEST_BYTES]


def from_passwords(passwords: Iterable[str]) -> list[bytes]:
    return sorted({beginning(password) for password in passwords})


def from_hashes(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the digests of lines like ``HASH:COUNT``, sorted as Have I Been Pwned has them.

    Raises ValueError with a sentence about the first malformed or unsorted line.
    """
    last = b""
    for number, line in enumerate(lines, 1):
        text = line.strip().partition(b":")[0]
        try:
            digest = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            digest = b""
        if len(text) != HEX or not digest:
            raise ValueError(f"Line {number} is no SHA-1 in hexadecimal.")
        if digest[:DIGEST_BYTES] < last:
            raise ValueError(f"Line {number} is out of order: sort the file by its hashes.")
        if digest[:DIGEST_BYTES] > last:
            yield (last := digest[:DIGEST_BYTES])


def write(target: Path, digests: Iterable[bytes]) -> int:
    """Write the file and return its number of digests. Raises ValueError if there are none.

    It replaces the old one in one step; processes that have the old one mapped keep it whole.
    """
    part, number = target.with_name(f"{target.name}.part"), 0
    try:
        with part.open("wb") as file:
            for digest in digests:
                file.write(digest)
                number += 1
        if not number:
            raise ValueError("There are no passwords in it.")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return number
