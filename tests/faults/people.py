"""People who use the service all the time and remember every answer."""

import json
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import Event, Thread
from typing import Any

from deploy.tests.conftest import NAME, Nginx

V1 = "/api/v1"
ME = f"{V1}/users/me"
PASSWORD = "correct horse battery"
UNSURE = None  # Whether it was done: the answer was lost, or told of trouble.


@dataclass
class Person:
    """What a person knows for sure; an unsure person does nothing more."""

    email: str
    password: str = PASSWORD
    tokens: dict[str, str] = field(default_factory=dict)
    is_there: bool | None = True
    is_signed_in: bool | None = False
    ended: list[str] = field(default_factory=list)  # Access tokens that are dead.
    refused: list[str] = field(default_factory=list)  # Passwords that are dead.
    asked_for_mail: int = 0

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}


class Client(Thread):
    """A thread with its own connection that creates people and lets them act."""

    def __init__(self, number: int, nginx: Nginx, stop: Event | None = None) -> None:
        super().__init__(daemon=True)
        self.number, self.nginx, self.stop = number, nginx, stop
        self.connection = nginx.connect()
        self.people: list[Person] = []
        self.statuses: Counter[int | str] = Counter()
        self.longest = 0.0

    def run(self) -> None:
        while not self.stop.is_set():
            alive = [p for p in self.people if p.is_there and p.is_signed_in is not UNSURE]
            if len(alive) < 3:
                self.sign_up()
            else:
                self.act(random.choice(alive))
            time.sleep(0.01)

    def act(self, person: Person) -> None:
        acts = {
            self.read: 70,
            self.refresh: 15,
            self.sign_out: 5,
            self.ask_for_mail: 5,
            self.change_password: 3,
            self.delete: 2,
        }
        (act,) = random.choices(list(acts), list(acts.values()))
        (act if person.is_signed_in else self.sign_in)(person)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return the status and the body; status 0 if no answer came."""
        started = time.monotonic()
        status, content = 0, b""
        try:
            sent = {"Host": NAME, "Content-Type": "application/json", **headers}
            self.connection.request(method, path, json.dumps(body or {}), sent)
            answer = self.connection.getresponse()
            status, content = answer.status, answer.read()
        except (OSError, HTTPException):
            self.connection.close()
        self.statuses[status or "lost"] += 1
        if status == 0 or status >= 500:
            time.sleep(0.5)  # As people do, or programs that read Retry-After.
        self.longest = max(self.longest, time.monotonic() - started)
        parsed = None
        with suppress(ValueError):
            parsed = json.loads(content)
        return status, parsed

    def sign_up(self) -> None:
        person = Person(f"p{self.number}-{len(self.people)}-{random.getrandbits(32)}@example.com")
        body = {"email": person.email, "password": person.password}
        status, _ = self.send("POST", f"{V1}/auth/signup", body)
        person.is_there = True if status == 201 else UNSURE
        self.people.append(person)

    def sign_in(self, person: Person) -> None:
        body = {"email": person.email, "password": person.password}
        status, tokens = self.send("POST", f"{V1}/auth/signin", body)
        if status == 200:
            person.tokens, person.is_signed_in = tokens, True
        else:
            assert status in (0, 502, 503, 504), f"a sign-in that must succeed: {status}"

    def read(self, person: Person) -> None:
        status, _ = self.send("GET", ME, **person.bearer)
        assert status != 401, "a session that lives was refused"

    def refresh(self, person: Person) -> None:
        body = {"refresh_token": person.tokens["refresh_token"]}
        status, tokens = self.send("POST", f"{V1}/auth/refresh", body)
        if status == 200:
            person.tokens = tokens
        else:
            person.is_signed_in = UNSURE

    def sign_out(self, person: Person) -> None:
        status, _ = self.send("POST", f"{V1}/auth/signout", {}, **person.bearer)
        if status == 204:
            person.ended.append(person.tokens["access_token"])
        person.is_signed_in = False if status == 204 else UNSURE

    def ask_for_mail(self, person: Person) -> None:
        status, _ = self.send("POST", f"{V1}/auth/forgot-password", {"email": person.email})
        person.asked_for_mail += status == 202

    def change_password(self, person: Person) -> None:
        new = f"another horse {random.getrandbits(32)}"
        body = {"current_password": person.password, "new_password": new}
        status, _ = self.send("POST", f"{ME}/change-password", body, **person.bearer)
        if status == 200:
            person.refused.append(person.password)
            person.password = new
        else:
            person.is_signed_in = UNSURE

    def delete(self, person: Person) -> None:
        body = {"current_password": person.password}
        status, _ = self.send("DELETE", ME, body, **person.bearer)
        if status == 204:
            person.ended.append(person.tokens["access_token"])
        person.is_there = False if status == 204 else UNSURE


class Crowd:
    """Eight clients at once."""

    def __init__(self, nginx: Nginx) -> None:
        self.stop = Event()
        self.clients = [Client(number, nginx, self.stop) for number in range(8)]
        for client in self.clients:
            client.start()

    def go_home(self) -> None:
        self.stop.set()
        for client in self.clients:
            client.join(60)
            assert not client.is_alive()
            client.connection.close()

    @property
    def people(self) -> list[Person]:
        return [person for client in self.clients for person in client.people]

    @property
    def statuses(self) -> Counter[int | str]:
        return sum((client.statuses for client in self.clients), Counter())

    @property
    def errors(self) -> dict[int | str, int]:
        return {s: n for s, n in self.statuses.items() if s == "lost" or int(s) >= 400}
