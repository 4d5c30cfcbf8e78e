"""The list of breached passwords: ours, and one an operator makes."""

import io
import string
import timeit
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from accounts.passwords import breaches
from accounts.passwords.breaches import BreachedPasswords
from accounts.users.models import User

BREACHED = "arsenalfc1"


def test_the_bundled_list_is_small_and_sorted_and_finds_its_own():
    assert breaches.BUNDLED.stat().st_size == 800_000
    bundled = BreachedPasswords(breaches.BUNDLED)

    digests = [bundled.at(index) for index in range(bundled.number)]
    assert digests == sorted(set(digests))
    assert BREACHED in bundled
    assert "password" not in bundled  # Django's own list has it.


def test_a_look_up_takes_microseconds():
    bundled = BreachedPasswords(breaches.BUNDLED)
    seconds = min(timeit.repeat(lambda: BREACHED in bundled, number=1000, repeat=5)) / 1000

    assert seconds < 50e-6


WORDS = st.text(string.ascii_letters + "é🐇\ud800", min_size=1, max_size=6)


@given(st.sets(WORDS, min_size=1, max_size=50), st.sets(WORDS))
def test_only_listed_passwords_are_found(tmp_path_factory, listed, others):
    file = tmp_path_factory.mktemp("breaches") / "list.bin"

    assert breaches.write(file, breaches.from_passwords(listed)) == len(listed)

    found = BreachedPasswords(file)
    assert {word for word in listed | others if word in found} == listed


def hashes(*passwords: str) -> str:
    """Return Have I Been Pwned's lines for these passwords, in its order."""
    digests = [breaches.sha1(password.encode()).hexdigest() for password in passwords]
    return "".join(f"{digest.upper()}:{len(digest)}\r\n" for digest in sorted(digests))


@pytest.fixture
def build(tmp_path):
    """Run the command on a source, and return the target and what it printed."""

    def build(source: str | bytes, *options: str) -> tuple[Path, str]:
        content = source.encode() if isinstance(source, str) else source
        (tmp_path / "source.txt").write_bytes(content)
        printed = io.StringIO()
        arguments = [str(tmp_path / name) for name in ("source.txt", "list.bin")]
        call_command("breached_passwords", *arguments, *options, stdout=printed)
        return tmp_path / "list.bin", printed.getvalue()

    return build


def test_the_hashes_of_have_i_been_pwned_become_a_file(build):
    file, printed = build(hashes("one", "two", "zwölf"))

    assert printed == f"{file} holds 3 passwords.\n"
    found = BreachedPasswords(file)
    assert all(word in found for word in ("one", "two", "zwölf"))
    assert "three" not in found


def test_a_plain_list_leaves_out_what_other_rules_refuse(build):
    lines = [b"password", b"short", b"dolphin-house", b"x" * 129, b"\xff" * 9, b"dolphin-house"]
    file, printed = build(b"\n".join([*lines, b"tea for two", b"one too many"]), "--plain", "3")

    assert printed == f"{file} holds 2 passwords.\n"
    found = BreachedPasswords(file)
    assert "dolphin-house" in found
    assert "tea for two" in found
    assert "one too many" not in found


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ("password\n", [], "Line 1 is no SHA-1 in hexadecimal."),
        (hashes("one") + "x\n", [], "Line 2 is no SHA-1 in hexadecimal."),
        (hashes("one", "two") + hashes("three"), [], "Line 3 is out of order"),
        ("", [], "There are no passwords in it."),
        ("short\n", ["--plain", "9"], "There are no passwords in it."),
    ],
)
def test_a_source_that_is_no_list_leaves_the_old_file_as_it_was(build, source, options, said):
    file, _ = build(hashes("one"))
    before = file.read_bytes()

    with pytest.raises(CommandError, match=said):
        build(source, *options)

    assert file.read_bytes() == before
    assert {path.name for path in file.parent.iterdir()} == {"source.txt", "list.bin"}


def test_a_source_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CommandError, match=r"none\.txt: No such file or directory"):
        call_command("breached_passwords", str(tmp_path / "none.txt"), str(tmp_path / "list.bin"))


def test_a_replaced_file_stays_whole_for_its_readers(build):
    file, _ = build(hashes("one", "two"))
    running = BreachedPasswords(file)

    build(hashes("three"))

    assert "one" in running
    assert "three" not in running
    assert "three" in BreachedPasswords(file)


@pytest.mark.django_db
def test_an_operators_list_is_asked_instead_of_ours(build, client, settings, test_user_data):
    file, _ = build(hashes("a long way to Tipperary"))
    name = "accounts.passwords.policy.BreachedPasswordValidator"
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": name, "OPTIONS": {"file": file}}]

    def sign_up(password: str) -> str | None:
        answer = client.post("/api/v1/auth/signup", {**test_user_data, "password": password})
        return answer.json().get("code")

    assert sign_up("a long way to Tipperary") == "password_breached"
    assert not User.objects.exists()
    assert sign_up(BREACHED) is None
