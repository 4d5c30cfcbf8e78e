"""Which modules of the project know the app."""

import pytest

from accounts.tests.test_architecture import imports
from lazyrabbit.tests.conftest import ROOT

pytestmark = pytest.mark.once

# The project is wiring: settings name the app by dotted path, and these import it, for a reason.
MAY_IMPORT_ACCOUNTS = {
    "environment.py": "the file of breached passwords is opened by the code that searches it",
    "gunicorn.py": "on a laptop the server sends mail too",
    "health.py": "the app says whether its mail goes out",
    "metrics.py": "the app has a collector of its own",
    # The app counts by IP address too, and imports nothing of the project: so one module of the
    # app reads what proxies say, for both.
    "observation.py": "the line of a request names the IP address of its sender",
    "options.py": "the doctor judges keys and networks by the same functions",
    "problems.py": "a forged host or form is an event",
    "urls.py": "every path is listed there",
    "wsgi.py": "a proxy says whether a request came over HTTPS",
}


def test_few_modules_of_the_project_import_the_app():
    project = ROOT / "lazyrabbit"
    importing = {
        str(path.relative_to(project))
        for path in project.rglob("*.py")
        if "tests" not in path.parts
        and any(name.split(".")[0] == "accounts" for name in imports(path))
    }
    assert importing == set(MAY_IMPORT_ACCOUNTS)
