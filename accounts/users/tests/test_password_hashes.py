import bcrypt
import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password

from accounts.users.hashers import BcryptSHA256Hasher
from accounts.users.models import User

LONG = "пароль" * 20  # 240 bytes in 120 characters.


def imported(password: str, cost: int = 4) -> str:
    """Return a row of the old backend, as the import stores it."""
    hashed = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(cost))
    return "bcrypt$" + hashed.decode()


def test_passwords_are_hashed_with_bcrypt_at_cost_12(production_hasher):
    assert make_password("testpassword123").startswith("bcrypt_sha256$$2b$12$")


def test_every_character_of_a_long_password_counts():
    encoded = make_password(LONG)

    assert check_password(LONG, encoded)
    assert not check_password(LONG[:-1] + "x", encoded)


@pytest.mark.parametrize("password", ["testpassword123", LONG, "x" * 73, "ж" * 36 + "x", "a€" * 30])
def test_a_row_of_the_old_backend_opens_with_its_password(password):
    assert check_password(password, imported(password))
    assert not check_password("wrong" + password, imported(password))


def test_only_imported_passwords_are_cut_at_72_bytes():
    assert check_password("x" * 80, imported("x" * 72))
    assert not check_password("x" * 80, make_password("x" * 72))


@pytest.mark.django_db
def test_an_imported_hash_is_replaced_by_one_of_ours_on_sign_in(client, user, test_user_data):
    User.objects.update(password=imported(test_user_data["password"]))

    assert client.post("/api/v1/auth/signin", test_user_data).status_code == 200

    upgraded = User.objects.get()
    assert upgraded.password.startswith("bcrypt_sha256$")
    assert upgraded.check_password(test_user_data["password"])


@pytest.mark.django_db
@pytest.mark.parametrize(("cost", "renewed"), [(4, "05"), (5, "05"), (6, "06")])
def test_an_imported_cost_is_never_lowered(
    client, user, test_user_data, monkeypatch, cost, renewed
):
    monkeypatch.setattr(BcryptSHA256Hasher, "rounds", 5)
    User.objects.update(password=imported(test_user_data["password"], cost))

    for _ in range(2):
        assert client.post("/api/v1/auth/signin", test_user_data).status_code == 200
        assert User.objects.get().password.startswith(f"bcrypt_sha256$$2b${renewed}$")


@pytest.mark.django_db
def test_two_requests_that_upgrade_a_hash_both_succeed(user, test_user_data):
    User.objects.update(password=imported(test_user_data["password"]))
    first, second = User.objects.get(), User.objects.get()

    assert first.check_password(test_user_data["password"])
    assert second.check_password(test_user_data["password"])

    assert first.password == second.password == User.objects.get().password


@pytest.mark.django_db
def test_a_failed_sign_in_replaces_no_hash(client, user, test_user_data):
    User.objects.update(password=imported(test_user_data["password"]))

    client.post("/api/v1/auth/signin", {**test_user_data, "password": "wrongpassword123"})

    assert User.objects.get().password.startswith("bcrypt$")


@pytest.mark.django_db
def test_an_upgrade_never_undoes_a_password_that_was_set_meanwhile(user, test_user_data):
    User.objects.update(password=imported(test_user_data["password"]))
    earlier = User.objects.get()
    user.set_password("anotherpassword123")
    user.save(update_fields=["password"])

    assert earlier.check_password(test_user_data["password"])

    assert earlier.password.startswith("bcrypt$")
    assert User.objects.get().check_password("anotherpassword123")


@pytest.mark.parametrize(("cost", "is_old"), [(4, True), (5, False), (6, False)])
def test_a_cost_is_raised_and_never_lowered(monkeypatch, cost, is_old):
    monkeypatch.setattr(BcryptSHA256Hasher, "rounds", cost)
    encoded = make_password("testpassword123")
    monkeypatch.setattr(BcryptSHA256Hasher, "rounds", 5)
    upgrades = []

    assert check_password("testpassword123", encoded, upgrades.append)

    assert upgrades == (["testpassword123"] if is_old else [])


@pytest.mark.parametrize(("cost", "hashes"), [(4, 2), (5, 1), (6, 1)])
def test_a_wrong_password_takes_as_long_at_a_lower_cost(monkeypatch, cost, hashes):
    monkeypatch.setattr(BcryptSHA256Hasher, "rounds", cost)
    encoded = make_password("testpassword123")
    monkeypatch.setattr(BcryptSHA256Hasher, "rounds", 5)
    computed = []
    encode = BcryptSHA256Hasher.encode

    def count(self, password, salt):
        computed.append(salt)
        return encode(self, password, salt)

    monkeypatch.setattr(BcryptSHA256Hasher, "encode", count)

    assert not check_password("wrongpassword123", encoded)
    assert len(computed) == hashes


@pytest.mark.parametrize("algorithm", ["bcrypt_sha256", "bcrypt"])
@pytest.mark.parametrize(
    "rest",
    [
        "",
        "$",
        "$2b$12$",
        "$2b$04$short",
        "$2b$12$short",
        "$2b$xx$" + "a" * 53,
        "$9z$04$" + "a" * 53,
        "$2b$03$" + "a" * 53,
        "$é",
    ],
)
def test_a_corrupt_row_opens_with_no_password(algorithm, rest, monkeypatch):
    monkeypatch.setattr(BcryptSHA256Hasher, "rounds", 5)
    assert identify_hasher(f"{algorithm}${rest}").algorithm == algorithm
    assert check_password("testpassword123", f"{algorithm}${rest}") is False
