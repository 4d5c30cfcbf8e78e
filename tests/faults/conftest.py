"""One cluster for all faults, and the table that they fill."""

import shutil

import pytest

from tests.faults.cluster import Cluster

ROWS = pytest.StashKey[list[str]]()
HEAD = "| fault | requests | errors | longest answer | until all is well |\n|---|---|---|---|---|"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    missing = [tool for tool in ("nginx", "pg_config", "setpriv") if not shutil.which(tool)]
    assert not missing, f"{missing} are needed (on Debian: nginx, postgresql)"
    folder = tmp_path_factory.mktemp("cluster")
    for parent in [folder, *folder.parents][:3]:  # PostgreSQL runs as another user.
        parent.chmod(0o755)
    cluster = Cluster(folder)
    yield cluster
    cluster.stop()


@pytest.fixture
def tell(request):
    """Put a row into the table."""
    return request.config.stash.setdefault(ROWS, []).append


def pytest_terminal_summary(terminalreporter, config):
    if rows := config.stash.get(ROWS, []):
        terminalreporter.write_line("\n".join(["", HEAD, *rows]))
