"""A real Prometheus with the shipped files, in front of two real nodes."""

import json
import re
import shutil
import subprocess
import time
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.throttling.models import Counter
from deploy.tests.conftest import DEPLOY, NAME, free_port

SHIPPED = DEPLOY / "prometheus"
OPERATIONS = (DEPLOY.parent / "docs/operations.md").read_text()
ALERTS = re.findall(r"- alert: (\w+)", (SHIPPED / "alerts.yml").read_text())
TOKEN = "a token of the metrics"
PRODUCTION = {
    "ENVIRONMENT": "production",
    "ALLOWED_HOSTS": NAME,
    "EMAIL_URL": "smtp://127.0.0.1",
    "EMAIL_FROM": "accounts@example.com",
    "METRICS_TOKEN": TOKEN,
    "REFRESH_GRACE_SECONDS": "0",
}
ANA = {"email": "ana@example.com", "password": "securepassword123"}
BEN = ANA | {"email": "ben@example.com"}

pytestmark = pytest.mark.skipif(
    not shutil.which("prometheus"),
    reason="Prometheus is needed (on Debian: apt install prometheus)",
)


def install(folder: Path, *targets: str) -> None:
    """Copy our files; only the targets, the token's path and the waiting times differ."""
    shutil.copytree(SHIPPED, folder)
    (folder / "accounts-token").write_text(TOKEN)
    config, alerts = folder / "prometheus.yml", folder / "alerts.yml"
    text = config.read_text()
    for old, new in {
        "/etc/prometheus/": "",
        '["10.0.0.11:8000", "10.0.0.12:8000"]': json.dumps(targets),
        '["127.0.0.1:9093"]': "[]",
    }.items():
        assert text.count(old) == 1 or old == "/etc/prometheus/"
        text = text.replace(old, new)
    config.write_text(text.replace("15s", "1s"))
    alerts.write_text(re.sub(r"for: \w+", "for: 0s", alerts.read_text()))


class Prometheus:
    """A separate process in its own folder."""

    def __init__(self, folder: Path, *targets: str) -> None:
        install(folder, *targets)
        address = f"127.0.0.1:{free_port()}"
        self.api = f"http://{address}/api/v1"
        command = ["prometheus", f"--web.listen-address={address}", "--storage.tsdb.path=data"]
        self.log = (folder / "log").open("w")
        self.process = subprocess.Popen(
            [*command, "--config.file=prometheus.yml"], cwd=folder, stderr=self.log
        )

    def ask(self, path: str) -> dict:
        with closing(urlopen(f"{self.api}/{path}", timeout=10)) as answer:
            return json.load(answer)["data"]

    def wait(self, what, expected) -> None:
        """Wait until Prometheus answers this."""
        deadline = time.monotonic() + 90
        found = None
        while found != expected:
            assert time.monotonic() < deadline, (found, expected)
            time.sleep(0.5)
            with suppress(OSError):
                found = what()

    def health(self) -> list[str]:
        return [target["health"] for target in self.ask("targets")["activeTargets"]]

    def firing(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"]}

    def value(self, expression: str) -> float:
        (sample,) = self.ask(f"query?query={quote(expression)}")["result"]
        return float(sample["value"][1])

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()


@pytest.fixture
def nodes(start_node):
    return [start_node(**PRODUCTION), start_node(**PRODUCTION)]


@pytest.fixture
def prometheus(tmp_path, nodes):
    """Prometheus, once it has scraped both nodes."""
    started = Prometheus(tmp_path / "prometheus", *[f"127.0.0.1:{node.port}" for node in nodes])
    started.wait(started.health, ["up", "up"])
    yield started
    started.stop()


def check(folder: Path, *arguments: str) -> None:
    ran = subprocess.run(
        ["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_promtool_finds_nothing_wrong(tmp_path):
    install(tmp_path / "copy", "127.0.0.1:8000")

    check(tmp_path / "copy", "check", "config", "prometheus.yml")
    check(SHIPPED, "check", "config", "--syntax-only", "prometheus.yml")
    check(SHIPPED, "check", "rules", "alerts.yml")
    check(SHIPPED, "test", "rules", "alerts_test.yml")


def test_every_alert_is_tested_and_what_to_do_is_documented():
    tested = re.findall(r"alertname: (\w+)", (SHIPPED / "alerts_test.yml").read_text())

    assert len(ALERTS) >= 12
    assert set(tested) == set(ALERTS)
    assert re.findall(r"^\| `([A-Z]\w+)` \|", OPERATIONS, re.MULTILINE) == ALERTS


def fail_once(node) -> None:
    """Make the node answer with a 500, by a missing table."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE links RENAME TO lost")
        try:
            status, _ = node.send("POST", "/api/v1/auth/signup", BEN, Host=NAME)
        finally:
            cursor.execute("ALTER TABLE lost RENAME TO links")
    assert status == 500


def reuse_a_refresh_token(node) -> None:
    assert node.send("POST", "/api/v1/auth/signup", ANA, Host=NAME)[0] == 201
    _, tokens = node.send("POST", "/api/v1/auth/signin", ANA, Host=NAME)
    used = {"refresh_token": tokens["refresh_token"]}
    statuses = [node.send("POST", "/api/v1/auth/refresh", used, Host=NAME)[0] for _ in range(2)]
    assert statuses == [200, 401]


@pytest.mark.postgresql
def test_failures_fire_their_alerts(prometheus, nodes):
    prometheus.wait(prometheus.firing, {"BackupTooOld"})  # There never was one.
    call_command("backup", "--record")
    prometheus.wait(prometheus.firing, set())

    reuse_a_refresh_token(nodes[0])
    expected = {"RefreshTokenReused"}
    prometheus.wait(prometheus.firing, expected)
    assert prometheus.value('sum(increase(events_total{event="refresh_reuse"}[10m]))') > 0
    fail_once(nodes[1])
    prometheus.wait(prometheus.firing, expected := expected | {"UnexpectedErrors"})
    DBTaskResult.objects.update(enqueued_at=timezone.now() - timedelta(minutes=16))
    prometheus.wait(prometheus.firing, expected := expected | {"MailLate"})
    Counter.objects.create(key="x", count=1, resets_at=timezone.now() - timedelta(days=4))
    prometheus.wait(prometheus.firing, expected := expected | {"PurgeNotRunning"})
    nodes[1].stop()
    prometheus.wait(prometheus.firing, expected | {"NodeDown"})
    assert sorted(prometheus.health()) == ["down", "up"]


@pytest.mark.postgresql
def test_the_rules_ask_for_metrics_that_there_are(prometheus):
    rules = [rule["query"] for rule in prometheus.ask("rules")["groups"][0]["rules"]]
    asked = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b(?!\")", " ".join(rules)))

    def missing() -> set[str]:
        return asked - set(prometheus.ask("label/__name__/values"))

    assert len(asked) >= 9
    prometheus.wait(missing, set())  # The first scrape is the first request that a node counts.
