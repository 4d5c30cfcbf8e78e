"""Every request gets an answer that the schema names and that fits the request."""

import copy
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import settings
from hypothesis import strategies as st

from accounts.tests import contract
from tests.schema.people import Person

pytestmark = pytest.mark.django_db(transaction=True)  # So that the server sees what is made.
HTTPS = {"X-Forwarded-Proto": "https"}
CONFIG = {
    "seed": 1,
    "generation": {
        "max-examples": 10,
        "deterministic": True,
        "database": "none",
    },
    "suppress-health-check": ["all"],
}


# Hypothesis makes email addresses too, a hundred times slower, at domains without mailboxes.
LOCAL_PART = st.text("!#$%&'*+-/=?^_`{|}~0123456789abcxyzABCXYZ", min_size=1, max_size=16)
DOMAIN = st.sampled_from(["example.com", "mail.example.org", "example.co.uk"])
schemathesis.openapi.format("email", st.builds("{}@{}".format, LOCAL_PART, DOMAIN))


def load(accepted: list[str], **generation: bool) -> Any:
    """Return the schema; valid requests must get one of these statuses."""
    checks = {"positive_data_acceptance": {"expected-statuses": accepted}}
    generation = {**CONFIG["generation"], **generation}
    config = {**CONFIG, "checks": checks, "generation": generation}
    return schemathesis.openapi.from_dict(
        copy.deepcopy(contract.schema()), config=schemathesis.Config.from_dict(config)
    )


@schemathesis.check
def is_documented(ctx: Any, response: Any, case: Any) -> None:
    """Hold the answer to the schema as all other tests do: no undocumented member."""
    request, headers = response.request, {n: v[0] for n, v in response.headers.items()}
    contract.assert_documented(
        request.method,
        requests.utils.urlparse(request.url).path,
        response.status_code,
        requests.structures.CaseInsensitiveDict(headers),
        response.content,
    )


# Strangers send tokens that were never issued, and NUL, which no text may hold.
strangers = load(["2xx", "400", "401", "403", "404"])
# Every valid request of a member with the right token and password has to be accepted.
members = load(["2xx"], **{"allow-x00": False, "with-security-parameters": False})


@strangers.parametrize()
def test_strangers_are_answered_as_the_schema_says(case, server):
    case.call_and_validate(server, headers=HTTPS)


@members.parametrize()
def test_members_are_answered_as_the_schema_says(case, server):
    person = Person()
    if case.meta.generation.mode.is_positive:
        tell_the_truth(case, person)
    case.call_and_validate(server, headers={**HTTPS, **person.headers})


def tell_the_truth(case: Any, person: Person) -> None:
    """Put in what the schema cannot know: right passwords, tokens, ids, free email addresses."""
    if "id" in case.path_parameters:
        case.path_parameters = {"id": person.session_id}
    if isinstance(case.body, dict):
        action = case.path.rpartition("/")[2]
        if action in ("verify-email", "confirm-email-change"):
            # Schemathesis also tries both of token and code, and neither, whatever oneOf says.
            one = "token" if "token" in case.body else "code"
            case.body = {**case.body, "token": "", "code": ""}
            del case.body["code" if one == "token" else "token"]
        case.body = {name: person.truth(action, name, case.body[name]) for name in case.body}


def test_ended_sessions_and_deleted_accounts_stay_so(server):
    """Follow the links that the schema implies: list the sessions, end one, ask again."""

    class Workflow(strangers.include(path_regex="/users/me").as_state_machine()):
        def setup(self):
            self.person = Person()

        def get_call_kwargs(self, case):
            return {"base_url": server, "headers": {**HTTPS, **self.person.headers}}

    limits = settings(max_examples=10, stateful_step_count=8, deadline=None, derandomize=True)
    Workflow.run(settings=limits)


def test_the_server_serves_this_schema(server):
    answer = requests.get(f"{server}/api/v1/openapi.json", headers=HTTPS, timeout=30)

    assert (answer.status_code, answer.json()) == (200, contract.schema())
