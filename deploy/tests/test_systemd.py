"""Check the units without starting them; `make test-systemd` starts them."""

import re
import shutil
import subprocess

import pytest

from deploy.tests.conftest import DEPLOY

UNITS = sorted(path.name for path in (DEPLOY / "systemd").glob("accounts*"))
SERVICES = [name for name in UNITS if name.endswith(".service")]
COMMANDS = ["srv/accounts/.venv/bin/gunicorn", "srv/accounts/.venv/bin/python"]


@pytest.fixture
def analyze(tmp_path):
    """Run systemd-analyze on a root with our units, systemd's, and the programs they run."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is needed (on Debian: apt install systemd)")
    subprocess.run([DEPLOY / "systemd/install", tmp_path], check=True)
    shutil.copytree("/lib/systemd/system", tmp_path / "lib/systemd/system", symlinks=True)
    for command in COMMANDS:
        (tmp_path / command).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / command).touch(mode=0o755)

    def analyze(*arguments):
        command = ["systemd-analyze", *arguments, f"--root={tmp_path}"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return analyze


def test_every_unit_can_be_loaded(analyze):
    verified = analyze("verify", "--man=no", *UNITS)

    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_credentials_can_be_loaded_as_the_documentation_says(analyze, tmp_path):
    (lines,) = re.findall(r"```ini\n(.*?)```", (DEPLOY.parent / "docs/deploy.md").read_text(), re.S)
    assert "LoadCredential=" in lines
    for service in SERVICES:
        (tmp_path / f"etc/systemd/system/{service}.d/secrets.conf").write_text(lines)

    verified = analyze("verify", "--man=no", *UNITS)

    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_the_purge_and_the_backup_run_as_another_user_as_the_documentation_says(analyze, tmp_path):
    documentation = (DEPLOY.parent / "docs/deploy.md").read_text()
    (line,) = re.findall(r"printf '(\[Service\]\\nUser=.*?)'", documentation)
    for unit in ("purge", "backup"):
        folder = tmp_path / f"etc/systemd/system/accounts-{unit}.service.d"
        (folder / "owner.conf").write_text(line.replace("\\n", "\n"))

    verified = analyze("verify", "--man=no", *UNITS)

    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    written = (folder / "owner.conf").read_text().splitlines()
    # systemd would give the service's folder to the other user, and "owner" comes after "common".
    assert written == ["[Service]", "User=accounts-owner", "StateDirectory="]
    assert sorted(path.name for path in folder.iterdir())[-1] == "owner.conf"


def test_a_mistake_in_a_unit_would_be_reported(analyze, tmp_path):
    unit = tmp_path / "etc/systemd/system/accounts-worker.service"
    unit.write_text(unit.read_text().replace("ExecStart=", "ExecStrat="))

    assert analyze("verify", "--man=no", *UNITS).returncode != 0


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_broken_into_can_do_little(analyze, service):
    """At most 2.0 of 10: a unit still needs the network and its own data."""
    if "--offline" not in analyze("--help").stdout:
        pytest.skip("systemd 250 is needed to judge units offline")

    judged = analyze("security", "--offline=true", "--threshold=20", service)

    assert judged.returncode == 0, judged.stdout


def test_every_timer_starts_a_service_that_is_there():
    timers = [name for name in UNITS if name.endswith(".timer")]

    assert timers
    assert {name.replace(".timer", ".service") for name in timers} < set(SERVICES)
