"""A candidate with a database of its own, ready to be started and loaded."""

import math
import re
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import jwt
import psycopg

from bench.candidates import Candidate
from bench.service import PASSWORD, ROOT, Service, database, environment, running

TOKEN_MINUTES = 600  # Longer than any comparison takes.
READERS = 64  # So many users read, in turns.
GOLDEN = (math.sqrt(5) - 1) / 2  # Its multiples are spread evenly, however many are taken.


class Node:
    def __init__(self, candidate: Candidate, database_url: str, users: int) -> None:
        self.candidate, self.users = candidate, users
        minutes = {"ACCESS_TOKEN_EXPIRE_MINUTES": str(TOKEN_MINUTES)}
        self.settings = {**environment(database_url), **minutes, **candidate.settings}
        self.turns = count()
        self.access: list[str] = []

    def fill(self) -> None:
        """Make the tables, and the users in them."""
        subprocess.run(  # noqa: S603
            self.candidate.migrate, cwd=ROOT, env=self.settings, check=True, timeout=300
        )
        with psycopg.connect(self.settings["DATABASE_URL"], autocommit=True) as server:
            for statement in self.candidate.fill:
                server.execute(statement.format(users=self.users).encode())
            server.execute("VACUUM ANALYZE")

    def serving(
        self, before: Sequence[str] = (), after: Sequence[str] = ()
    ) -> AbstractContextManager[Service]:
        """Run the server, with words before and after its command."""
        port = self.settings["PORT"]
        server = [part.format(port=port) for part in self.candidate.server]
        return running([*before, *server, *after], self.settings)

    def sign_in(self, service: Service) -> tuple[str, str]:
        """Start a session of one user, and return its two tokens."""
        number = int(next(self.turns) * GOLDEN % 1 * self.users) + 1
        if "signin" not in self.candidate.paths:
            return self.make_token(number), ""
        credentials = {"email": f"user{number}@example.com", "password": PASSWORD}
        status, body, _ = service.request("POST", self.candidate.paths["signin"], credentials)
        access, refresh = (
            re.search(rf'"{key}": *"([^"]+)"', body.decode()) for key in self.candidate.tokens
        )
        if status != 200 or not access or not refresh:
            raise SystemExit(f"{self.candidate.title}: a sign-in was answered with {status}.")
        return access[1], refresh[1]

    def make_token(self, number: int) -> str:
        expires_at = datetime.now(UTC) + timedelta(minutes=TOKEN_MINUTES)
        claims = {"sub": str(number), "exp": expires_at}
        return jwt.encode(claims, self.settings["SECRET_KEY"], algorithm="HS256")

    def sign_in_many(self, service: Service, number: int) -> list[tuple[str, str]]:
        with ThreadPoolExecutor(2) as threads:  # As many as hash at once.
            return list(threads.map(lambda _: self.sign_in(service), range(number)))

    def readers(self, service: Service) -> list[str]:
        """Return access tokens; they outlive a restart."""
        if not self.access:
            self.access = [access for access, _ in self.sign_in_many(service, READERS)]
        return self.access

    def refreshers(self, service: Service, number: int) -> list[str]:
        """Return unused refresh tokens."""
        return [refresh for _, refresh in self.sign_in_many(service, number)]


@contextmanager
def prepared(candidate: Candidate, users: int) -> Iterator[Node]:
    with database() as url:
        node = Node(candidate, url, users)
        node.fill()
        yield node
