"""`make install` writes a lasting key once, and says whether it did."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from lazyrabbit.tests.conftest import ROOT

WROTE = "Wrote a random SECRET_KEY to .env, which is private to this machine.\n"
pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not shutil.which("make"), reason="make is not installed"),
]


@pytest.fixture
def install(tmp_path):
    """Make ``.env`` in an empty folder, with the packages that are here already."""
    command = ["make", "--no-print-directory", "-f", ROOT / "Makefile", ".env"]
    command += ["RUNS=", f"BIN={sys.prefix}/bin"]

    def install(**environment: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], **environment}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return install


def test_a_key_is_written_once_to_a_private_file(install, tmp_path):
    assert install().stdout == WROTE
    written = (tmp_path / ".env").read_text()
    again = install()

    assert re.fullmatch(r"SECRET_KEY=[\w-]{86}\n", written)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert (again.returncode, again.stdout) == (0, "")
    assert (tmp_path / ".env").read_text() == written


@pytest.mark.parametrize(
    "line", ["SECRET_KEY=x", "export SECRET_KEY = x", "  SECRET_KEY='x'", "SECRET_KEY_FILE=/x"]
)
def test_a_key_that_is_there_stays_the_only_one(install, tmp_path, line):
    (tmp_path / ".env").write_text(line)

    assert (install().returncode, install().stdout) == (0, "")
    assert (tmp_path / ".env").read_text() == line


def test_a_key_is_written_on_a_separate_line(install, tmp_path):
    (tmp_path / ".env").write_text("SECRET_KEY=\nPORT=8001")

    assert install().stdout == WROTE
    assert re.fullmatch(
        r"SECRET_KEY=\nPORT=8001\nSECRET_KEY=\S+\n", (tmp_path / ".env").read_text()
    )


@pytest.mark.parametrize("is_folder", [True, False])
def test_an_unwritable_file_is_reported_and_ends_the_command(install, tmp_path, is_folder):
    (tmp_path / ".env").mkdir() if is_folder else (tmp_path / ".env").symlink_to("missing/.env")

    failed = install()

    assert failed.returncode != 0
    assert failed.stdout.startswith("No SECRET_KEY can be written to .env: make it writable")
    assert "Wrote" not in failed.stdout


def test_with_a_key_in_the_environment_no_file_is_needed(install, tmp_path):
    for name in ("SECRET_KEY", "SECRET_KEY_FILE"):
        made = install(**{name: "k" * 32})
        assert (made.returncode, made.stdout) == (0, "")
    assert not (tmp_path / ".env").exists()
