"""An operator changes SECRET_KEY, and everyone stays signed in."""

import json
import secrets

import jwt
import pytest
from django.test import Client
from django.urls import reverse

from accounts.users.models import User
from lazyrabbit.settings import token_key

ME = "/api/v1/users/me"
PERSON = {"email": "ana@example.com", "password": "securepassword123"}
OLD, NEW, STRANGE = (secrets.token_hex(32) for _ in range(3))


def sign_in(server):
    status, answer = server.ask("/api/v1/auth/signin", PERSON)
    assert status == 200
    return json.loads(answer)


def refresh(server, tokens):
    body = {"refresh_token": tokens["refresh_token"]}
    status, answer = server.ask("/api/v1/auth/refresh", body)
    return status, json.loads(answer)


def me(server, access_token):
    return server.ask(ME, Authorization=f"Bearer {access_token}")[0]


def test_the_old_key_verifies_until_it_leaves_the_fallbacks(serve):
    server = serve(SECRET_KEY=OLD)
    assert server.ask("/api/v1/auth/signup", PERSON)[0] == 201
    tokens, idle = sign_in(server), sign_in(server)
    server.lines()

    server = serve(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=f"{STRANGE}, {OLD}")
    assert me(server, tokens["access_token"]) == 200
    status, rotated = refresh(server, tokens)
    assert status == 200
    claims = jwt.decode(rotated["access_token"], options={"verify_signature": False})
    for secret in (token_key(STRANGE * 2), token_key(""), OLD, NEW):
        assert me(server, jwt.encode(claims, secret, "HS256")) == 401
    assert me(server, jwt.encode({**claims, "exp": 1}, token_key(OLD), "HS256")) == 401
    server.lines()

    server = serve(SECRET_KEY=NEW)
    assert me(server, rotated["access_token"]) == 200
    assert refresh(server, rotated)[0] == 200
    assert me(server, idle["access_token"]) == 401
    assert refresh(server, idle)[0] == 401


def test_while_nodes_change_one_after_the_other_the_old_ones_take_what_the_new_ones_sign(serve):
    server = serve(SECRET_KEY=NEW)
    server.ask("/api/v1/auth/signup", PERSON)
    tokens = sign_in(server)
    server.lines()

    server = serve(SECRET_KEY=OLD, SECRET_KEY_FALLBACKS=NEW)

    assert me(server, tokens["access_token"]) == 200
    assert refresh(server, tokens)[0] == 200


def test_setting_a_key_for_the_tokens_signs_no_one_out(serve):
    server = serve(SECRET_KEY=OLD)
    server.ask("/api/v1/auth/signup", PERSON)
    tokens = sign_in(server)
    server.lines()

    server = serve(SECRET_KEY=OLD, JWT_SIGNING_KEY=NEW, SECRET_KEY_FALLBACKS=OLD)

    assert me(server, tokens["access_token"]) == 200
    status, rotated = refresh(server, tokens)
    assert status == 200
    assert jwt.decode(rotated["access_token"], NEW, ["HS256"], audience="lazyrabbit")


@pytest.mark.django_db
def test_the_admin_and_its_forms_outlive_a_change_of_the_key(settings):
    User.objects.create_superuser("root@example.com", "securepassword123")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    browser, index = Client(enforce_csrf_checks=True), reverse("admin:index")
    browser.force_login(User.objects.get())
    form = browser.get(index).context["csrf_token"]

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    assert browser.get(index).status_code == 200
    signed_out = browser.post(reverse("admin:logout"), {"csrfmiddlewaretoken": str(form)})
    assert signed_out.status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(("fallbacks", "status"), [([OLD], 200), ([], 302)])
def test_without_the_old_key_a_cookie_of_the_admin_is_void(settings, fallbacks, status):
    User.objects.create_superuser("root@example.com", "securepassword123")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    browser = Client()
    browser.force_login(User.objects.get())

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, fallbacks
    assert browser.get(reverse("admin:index")).status_code == status
    settings.SECRET_KEY_FALLBACKS = []
    assert browser.get(reverse("admin:index")).status_code == status


@pytest.mark.django_db
def test_a_link_in_a_mail_outlives_a_change_of_the_key(settings, client, user, deliver):
    settings.SECRET_KEY = OLD
    client.post("/api/v1/auth/forgot-password", {"email": user.email})
    token = deliver()[0].body.partition("#token=")[2].split()[0]

    settings.SECRET_KEY = NEW
    body = {"token": token, "password": "anotherpassword123"}
    assert client.post("/api/v1/auth/reset-password", body).status_code == 200
