"""A fault is a 503, and nothing acknowledged is lost or comes back to life."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg
import pytest

from tests.faults.cluster import IS_ROOT, Cluster, children, signal_all
from tests.faults.people import ME, V1, Client, Crowd, Person

BEFORE, DURING = 3, 8  # Seconds of load before the fault, and while it lasts.
IN_FLIGHT = 8  # As many requests as there are clients.


def restart_database(cluster: Cluster) -> None:
    cluster.database.stop("fast")
    cluster.database.start()


def kill_database(cluster: Cluster) -> None:
    signal_all(cluster.database.pid, signal.SIGKILL)
    time.sleep(DURING)
    cluster.database.start()


def hang_database(cluster: Cluster) -> None:
    """No request waits for it longer than 5 s; the longest answers had waited for a hash before."""
    person, pid = wait_until_well(cluster), cluster.database.pid
    signal_all(pid, signal.SIGSTOP)
    end = time.monotonic() + DURING
    while (asked := time.monotonic()) < end:
        status = cluster.nodes[0].get(ME, **person.bearer)
        if (answered := time.monotonic()) < end:
            assert status == 503
        assert answered - asked < 5
    signal_all(pid, signal.SIGCONT)


def hold_every_connection(cluster: Cluster) -> None:
    """Take the database connections of the nodes and hold them."""
    held: list[psycopg.Connection] = []
    end = time.monotonic() + DURING
    url = cluster.database.url
    while time.monotonic() < end:
        with suppress(psycopg.OperationalError):
            held.append(psycopg.connect(url, autocommit=True, application_name="thief"))
            held[0].execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = 'postgres' AND application_name <> 'thief'"
            )
            continue
        time.sleep(0.1)
    for connection in held:
        connection.close()


def refuse_writes(cluster: Cluster) -> None:
    reload = "SELECT pg_reload_conf()"
    cluster.database.execute("ALTER SYSTEM SET default_transaction_read_only = on", reload)
    time.sleep(DURING)
    cluster.database.execute("ALTER SYSTEM RESET default_transaction_read_only", reload)


def fill_the_disk(cluster: Cluster) -> None:
    filler = cluster.database.folder / "filler"
    with filler.open("wb") as file, suppress(OSError):
        while True:
            file.write(b"\0" * 2**20)
    end = time.monotonic() + DURING
    while time.monotonic() < end:
        with suppress(psycopg.Error):
            cluster.database.execute("SELECT pg_switch_wal()")
        time.sleep(0.2)
    filler.unlink()
    with suppress(subprocess.CalledProcessError):  # It may have lived on.
        cluster.database.start()


def kill_a_worker(cluster: Cluster) -> None:
    os.kill(children(cluster.nodes[0].process.pid)[1], signal.SIGKILL)


def kill_a_node(cluster: Cluster) -> None:
    cluster.nodes[0].kill()
    time.sleep(1)  # As systemd waits.
    cluster.nodes[0].start()


def restart_one_node_after_the_other(cluster: Cluster) -> None:
    for node in cluster.nodes:
        node.stop()
        node.start()


def kill_the_sender_of_mail(cluster: Cluster) -> None:
    cluster.worker.kill()
    cluster.worker.wait()
    cluster.start_worker()


FAULTS: list[tuple[Callable[[Cluster], None], int | None]] = [
    (restart_database, None),
    (kill_database, None),
    (hang_database, None),
    (hold_every_connection, None),
    (refuse_writes, None),
    (fill_the_disk, None),
    (kill_a_worker, IN_FLIGHT),
    (kill_a_node, 2 * IN_FLIGHT),
    (restart_one_node_after_the_other, 0),
    (kill_the_sender_of_mail, 0),
]


@pytest.mark.parametrize(("fault", "allowed"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
def test_nothing_acknowledged_is_lost(cluster, tell, fault, allowed):
    if fault is fill_the_disk and not IS_ROOT:
        pytest.skip("a disk of its own needs root")
    crowd = Crowd(cluster.nginx)
    time.sleep(BEFORE)
    fault(cluster)
    healed = time.monotonic()
    wait_until_well(cluster)
    recovery = time.monotonic() - healed
    time.sleep(1)
    crowd.go_home()

    longest = max(client.longest for client in crowd.clients)
    name = fault.__name__.replace("_", " ")
    requests = sum(crowd.statuses.values())
    errors = ", ".join(f"{n} of {status}" for status, n in sorted(crowd.errors.items(), key=str))
    tell(f"| {name} | {requests} | {errors or 'none'} | {longest:.1f} s | {recovery:.1f} s |")
    assert set(crowd.errors) <= {502, 503, 504}
    if allowed is not None:
        assert sum(crowd.errors.values()) <= allowed
    assert longest < 10
    assert recovery < 10
    assert_remembered(cluster, crowd.people)


def wait_until_well(cluster: Cluster) -> Person:
    """Wait until each node answers members; return the new person who proved it."""
    probe = Client(99, cluster.nginx)
    while True:
        probe.sign_up()
        person = probe.people[-1]
        if person.is_there:
            probe.sign_in(person)
        if person.is_signed_in and all(
            node.get(ME, **person.bearer) == 200 for node in cluster.nodes
        ):
            probe.connection.close()
            return person
        time.sleep(0.1)


def assert_remembered(cluster: Cluster, people: list[Person]) -> None:
    client = Client(98, cluster.nginx)
    stored = {row[0] for row in cluster.database.execute("SELECT email FROM users")}
    for person in people:
        if person.is_there is not None:
            assert (person.email in stored) is person.is_there, person
        for token in person.ended:
            assert client.send("GET", ME, Authorization=f"Bearer {token}")[0] == 401, person
        if person.is_there and person.is_signed_in:
            assert client.send("GET", ME, **person.bearer)[0] == 200, person
            body = {"refresh_token": person.tokens["refresh_token"]}
            assert client.send("POST", f"{V1}/auth/refresh", body)[0] == 200, person
        for password in person.refused[-1:]:
            body = {"email": person.email, "password": password}
            assert client.send("POST", f"{V1}/auth/signin", body)[0] == 401, person
    assert people
    assert_mails_are_queued(cluster, people)
    client.connection.close()


def assert_mails_are_queued(cluster: Cluster, people: list[Person]) -> None:
    rows = cluster.database.execute(
        "SELECT args_kwargs::text FROM django_tasks_database_dbtaskresult"
        " WHERE task_path LIKE '%look_up'"
    )
    text = "\n".join(row[0] for row in rows)
    for person in people:
        assert text.count(f'"{person.email}"') >= person.asked_for_mail, person
