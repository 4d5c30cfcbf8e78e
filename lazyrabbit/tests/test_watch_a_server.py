"""Operators watch a production server: its log, its metrics, its readiness."""

import json
import math
import re
import signal
import sqlite3
import threading
import time
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import path
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.views import APIView

from accounts import errors
from accounts.events.models import REASONS, Event, EventName
from accounts.throttling.models import Counter
from lazyrabbit import health, metrics, options, problems, urls
from lazyrabbit.observation import FAILURES
from lazyrabbit.tests.conftest import ROOT

TOKEN = "a token of the metrics"
PERSON = {"email": "ana@example.com", "password": "securepassword123"}


def test_every_line_is_json_and_names_the_person_and_the_request(serve):
    server = serve()
    server.ask("/api/v1/auth/signup", PERSON)
    _, answer = server.ask("/api/v1/auth/signin", PERSON)
    bearer = {"Authorization": f"Bearer {json.loads(answer)['access_token']}"}
    forged = 'x" }{"event": "forged"} %0a %(name)s {0}'
    server.ask(
        f"/api/v1/users/me?q={'c4n4ry'}",
        X_Request_ID="proxy-0001",
        X_Forwarded_For="203.0.113.7",
        User_Agent=forged,
        **bearer,
    )

    lines = server.lines()

    (line,) = [line for line in lines if line.get("request_id") == "proxy-0001"]
    assert re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", line["time"])
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/users/me", 200)
    assert (line["user_id"], line["address"]) == (1, "203.0.113.7")
    assert line["ms"] > 0
    (signin,) = [line for line in lines if line.get("event") == "signin_succeeded"]
    assert (signin["user_id"], signin["session_id"]) == (1, line["session_id"])
    assert not [line for line in lines if "forged" in (line.get("event"), line["message"])]
    for secret in ("c4n4ry", *PERSON.values(), bearer["Authorization"]):
        assert secret not in json.dumps(lines)


def test_trouble_with_the_database_can_be_joined_to_its_request(serve, tmp_path):
    server = serve()
    with closing(sqlite3.connect(tmp_path / "app.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert server.ask("/api/v1/auth/signup", PERSON, X_Request_ID="troubled-1")[0] == 503
    server.ask("/api/v1/users/me", X_Request_ID="refused-1")

    lines = server.lines()

    trouble, told = (line for line in lines if line.get("request_id") == "troubled-1")
    assert (trouble["level"], trouble["logger"]) == ("ERROR", "lazyrabbit.problems")
    assert trouble["message"].startswith("database_trouble code=")
    assert (told["level"], told["status"]) == ("ERROR", 503)
    (refused,) = (line for line in lines if line.get("request_id") == "refused-1")
    assert (refused["level"], refused["status"]) == ("INFO", 401)


class OverloadedView(APIView):
    authentication_classes = []
    permission_classes = []

    def get(self, request):
        raise errors.Overloaded


def fail(request):
    raise ZeroDivisionError


urlpatterns = [
    *urls.urlpatterns,
    path("api/overloaded", OverloadedView.as_view()),
    path("fail", fail),
]
handler500 = urls.handler500


@pytest.mark.urls(__name__)
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "status", "level", "code"),
    [
        ("/fail", 500, "ERROR", "error"),
        ("/api/overloaded", 503, "WARNING", "overloaded"),
        ("/api/health/ready", 503, "WARNING", "not_ready"),
        ("/api/v1/users/me", 401, "INFO", None),
    ],
)
def test_a_failure_is_counted_and_stands_out_in_the_log(
    caplog, monkeypatch, address, status, level, code
):
    monkeypatch.setattr(health, "draining", threading.Event())
    health.draining.set()
    caplog.set_level("INFO")
    before = counted()

    assert Client(raise_request_exception=False).get(address).status_code == status

    (line,) = [record for record in caplog.records if record.name == "lazyrabbit.requests"]
    assert line.levelname == level
    after = counted()
    assert [name for name in after if after[name] > before[name]] == ([code] if code else [])


def counted() -> dict[str, float]:
    samples = [sample for metric in FAILURES.collect() for sample in metric.samples]
    return {s.labels["code"]: s.value for s in samples if s.name == "http_failures_total"}


def test_monitoring_may_call_a_node_by_its_ip_address(serve):
    server = serve(METRICS_TOKEN=TOKEN)
    bearer = {"Authorization": f"Bearer {TOKEN}"}

    for address in ("/api/health", "/api/health/", "/api/health/ready", "/api/health/ready/"):
        expected = server.ask_by_address(address, "accounts.example.com")
        assert expected[0] == 200
        for host in ("10.0.0.7:8000", "[::1]:8000", "evil.example", "a b"):
            assert server.ask_by_address(address, host) == expected
    for address in ("/metrics", "/metrics/"):
        status, text = server.ask_by_address(address, "10.0.0.7:8000", **bearer)
        assert (status, b"database_up 1" in text, b"10.0.0.7" in text) == (200, True, False)
        assert server.ask_by_address(address, "10.0.0.7:8000")[0] == 401


def test_every_other_path_needs_a_host_name_of_the_service(serve):
    server = serve()

    for address in ("/docs", "/api/v1/users/me", "/api/v1/openapi.json", "/admin/"):
        secure = {"X-Forwarded-Proto": "https"}
        status, body = server.ask_by_address(address, "10.0.0.7:8000", **secure)
        assert (status, json.loads(body)["code"]) == (400, "bad_request"), address


def metrics_of(text: str) -> dict[str, float]:
    rows = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in rows}


def test_the_metrics_of_all_workers_are_added_up(serve):
    server = serve(METRICS_TOKEN=TOKEN, SIGNIN_RATE_ACCOUNT_NETWORK="1/5m")
    server.ask("/api/v1/auth/signup", PERSON)
    for _ in range(40):  # Whichever worker answers.
        server.ask("/api/v1/users/me")
    for password in ("wrong", "blocked", "blocked"):
        server.ask("/api/v1/auth/signin", PERSON | {"password": password})

    status, text = server.ask("/metrics", Authorization=f"Bearer {TOKEN}")

    assert status == 200
    found = metrics_of(text)
    me = '{method="GET",route="/api/v1/users/me",status="401"}'
    assert found[f"http_request_duration_seconds_count{me}"] == 40
    assert found['events_total{event="signin_failed",reason="wrong_password"}'] == 1
    assert found['limits_reached_total{limit="SIGNIN_RATE_ACCOUNT_NETWORK"}'] == 2
    expected = {"hashes_queued": 0, "hashes_in_progress": 0, "sessions_live": 0, "database_up": 1}
    assert expected.items() <= found.items()
    assert found["mails_due"] == 1
    assert found["mails_due_seconds"] > 0
    assert found['mail_attempts_total{outcome="failed"}'] == 0
    assert found["backup_age_seconds"] == math.inf  # There never was one.
    assert abs(found["clock_seconds"] - time.time()) < 5
    assert (found["node_ready"], found["purge_due_seconds"]) == (1, 0)
    assert PERSON["email"] not in text


def test_every_counter_starts_at_0(serve):
    server = serve(METRICS_TOKEN=TOKEN)

    _, text = server.ask("/metrics", Authorization=f"Bearer {TOKEN}")

    reasons = {name: REASONS.get(name, ("",)) for name in EventName}
    expected = {
        *(f'events_total{{event="{n}",reason="{r}"}}' for n in reasons for r in reasons[n]),
        *(f'limits_reached_total{{limit="{n}"}}' for n in dir(options) if "_RATE_" in n),
        *(f'http_failures_total{{code="{error.default_code}"}}' for error in failures()),
    }
    found = {name: value for name, value in metrics_of(text).items() if "_total{" in name}
    assert len(expected) > 30
    assert expected <= found.keys()
    assert set(found.values()) == {0}


def failures() -> list[type[APIException]]:
    """Return each of our errors that is a 5xx."""
    own = [*vars(errors).values(), *vars(problems).values(), APIException]
    kinds = [kind for kind in own if isinstance(kind, type) and issubclass(kind, APIException)]
    return [kind for kind in kinds if kind.status_code >= 500]


def test_a_worker_that_takes_anothers_place_goes_on_with_its_counts(serve):
    server = serve(METRICS_TOKEN=TOKEN)
    server.ask("/api/v1/users/me")
    server.process.send_signal(signal.SIGHUP)
    time.sleep(3)
    server.ask("/api/v1/users/me")

    _, text = server.ask("/metrics", Authorization=f"Bearer {TOKEN}")

    me = '{method="GET",route="/api/v1/users/me",status="401"}'
    assert metrics_of(text)[f"http_request_duration_seconds_count{me}"] == 2


@pytest.mark.parametrize(
    ("token", "given", "status"),
    [("", "", 404), ("", "Bearer ", 404), (TOKEN, "", 401), (TOKEN, "Bearer wrong", 401)],
)
def test_the_metrics_need_the_token(client, settings, token, given, status):
    settings.METRICS_TOKEN = token

    answer = client.get("/metrics", headers={"Authorization": given})

    assert answer.status_code == status
    assert "http_request" not in answer.content.decode()


def test_a_node_that_is_told_to_stop_says_so_first_and_goes_on_serving(serve):
    server = serve(DRAIN_SECONDS="2")
    assert server.ask("/api/health/ready")[0] == 200
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)

    status, body = server.ask("/api/health/ready")
    assert (status, json.loads(body)["checks"]["draining"]) == (503, True)
    assert server.ask("/api/v1/auth/signup", PERSON)[0] == 201
    server.process.wait(timeout=30)
    assert server.process.returncode == 0


def test_the_dashboard_asks_for_metrics_that_there_are(serve):
    server = serve(METRICS_TOKEN=TOKEN)
    server.ask("/api/v1/auth/signup", PERSON)
    server.ask("/api/v1/auth/signin", PERSON | {"password": "wrong"})
    dashboard = json.loads((ROOT / "deploy/grafana.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])

    _, text = server.ask("/metrics", Authorization=f"Bearer {TOKEN}")

    names = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+(?=[{\[)])", asked)) - {"histogram_quantile"}
    assert len(names) >= 9
    known = set(re.findall(r"^(\w+)[{ ]", text, re.MULTILINE))
    assert names <= known


@pytest.mark.django_db
def test_overdue_work_is_reported_in_seconds():
    def ago(**time) -> datetime:
        return timezone.now() - timedelta(**time)

    for days in (5, 2):
        Event.objects.create(name=EventName.BACKUP_MADE, created_at=ago(days=days))
    for days in (1, 4, -1):
        Counter.objects.create(key=str(days), count=1, resets_at=ago(days=days))

    found = metrics_of(metrics.rendered().decode())

    day = 24 * 60 * 60
    assert found["backup_age_seconds"] == pytest.approx(2 * day, abs=60)
    assert found["purge_due_seconds"] == pytest.approx(4 * day, abs=60)
