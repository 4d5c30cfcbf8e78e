"""Strict parsers for the environment, which report all mistakes at once."""

import ipaddress
import json
import re
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import dj_database_url
import psycopg
from django.core.mail.message import forbid_multi_line_headers, sanitize_address
from environs import ValidationError
from psycopg.conninfo import timeout_from_conninfo
from psycopg.pq import Conninfo

from accounts.passwords import breaches
from lazyrabbit.secret_files import ROOT, SecretsEnv

env = SecretsEnv()
POSTGRESQL = "postgres://USER:PASSWORD@HOST:PORT/NAME"
ESCAPED = "in whose parts / ? # @ : % are written %2F %3F %23 %40 %3A %25"
LONGEST_NAME = 63  # Of a database on PostgreSQL.
LONGEST_SITE_NAME = 60


@env.parser_for("database_url")
def parse_database_url(text: str) -> dj_database_url.DBConfig:
    """Return Django's settings for the database.

    No error repeats a part of the URL: without escapes, any part may be the password.
    """
    is_plain = text.isprintable() and "%00" not in text
    if not (is_plain and re.match(r"(sqlite:///|postgres(ql)?://)", text)):
        raise ValidationError(f"Expected sqlite:///FILE or {POSTGRESQL}.")
    try:
        url, database = urlsplit(text), dj_database_url.parse(text, conn_health_checks=True)
    except ValueError as error:
        raise ValidationError(f"Expected {POSTGRESQL}, {ESCAPED}.") from error
    check = check_file if url.scheme == "sqlite" else check_server
    check(url, database)
    return database


def check_file(url: SplitResult, database: dj_database_url.DBConfig) -> None:
    if url.query or url.fragment:
        raise ValidationError(
            "Expected sqlite:///FILE without parameters; ? and # are %3F and %23."
        )
    if ":memory:" in database["NAME"]:  # Each thread would have its own.
        raise ValidationError("Expected a file, like sqlite:////var/lib/accounts/app.db.")


def check_server(url: SplitResult, database: dj_database_url.DBConfig) -> None:
    options = database.get("OPTIONS", {})
    is_cut = url.fragment or "@" in url.path or "/" in url.path[1:]
    is_named = database["NAME"] or "service" in options
    if is_cut or not is_named or len(database["NAME"]) > LONGEST_NAME:
        raise ValidationError(f"Expected {POSTGRESQL}, {ESCAPED}.")
    names = [name for name, _ in parse_qsl(url.query, keep_blank_values=True)]
    # The last is rewritten into options; a dbname would be another database than the path's.
    known = {option.keyword.decode() for option in Conninfo.get_defaults()} - {"dbname"}
    is_once = len(set(names)) == len(names) and not {"options", "currentSchema"} <= set(names)
    if not (is_once and known | {"currentSchema"} >= set(names)):
        raise ValidationError(
            "Expected parameters of libpq, each once, like ?sslmode=require; a schema is named by"
            " ?options=-c%20search_path%3DSCHEMA."
        )
    try:
        timeout_from_conninfo(options)
    except psycopg.Error as error:
        raise ValidationError("Expected connect_timeout to be a number of seconds.") from error


@env.parser_for("origins")
def parse_origins(text: str) -> list[str]:
    pattern = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+/?")
    try:
        origins = json.loads(text)
    except ValueError:
        origins = None
    if not isinstance(origins, list) or not all(
        isinstance(origin, str) and pattern.fullmatch(origin) for origin in origins
    ):
        raise ValidationError('Expected a JSON array of origins, like ["http://localhost:5173"].')
    return origins


@env.parser_for("networks")
def parse_networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise ValidationError("Expected networks like 10.0.0.0/8, with commas between.") from error


@env.parser_for("rate")
def parse_rate(text: str) -> tuple[int, timedelta]:
    parts = re.fullmatch(r"([1-9]\d{0,8})/([1-9]\d{0,4})([smhd])", text.strip())
    if not parts:
        raise ValidationError("Expected a rate like 5/5m: five in five minutes (s, m, h or d).")
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[parts[3]]
    return int(parts[1]), timedelta(**{unit: int(parts[2])})


@env.parser_for("url_prefix")
def parse_url_prefix(text: str) -> str:
    if text and not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._~/-]*)?", text):
        raise ValidationError("Expected an address like https://app.example.com.")
    return text.rstrip("/")


@env.parser_for("site_name")
def parse_site_name(text: str) -> str:
    """Return the product's name, which appears in the subjects and sentences of mails."""
    name = text.strip()
    if not (name.isprintable() and 1 <= len(name) <= LONGEST_SITE_NAME):
        raise ValidationError(f"Expected a name of 1 to {LONGEST_SITE_NAME} characters.")
    return name


@env.parser_for("breached_passwords")
def parse_breached_passwords(text: str) -> Path:
    """Return the path of the breached passwords; by default, of the bundled file."""
    if not text:
        return breaches.BUNDLED
    try:
        breaches.BreachedPasswords(ROOT / text)
    except (OSError, ValueError) as error:
        raise ValidationError(
            "Expected a file that `manage.py breached_passwords` has made and that can be read."
        ) from error
    return ROOT / text


@env.parser_for("mailbox")
def parse_mailbox(text: str) -> str:
    """Return the sender of mails: one email address, with or without a name."""
    try:
        _, address = parseaddr(sanitize_address(text, "utf-8"))  # The envelope.
        forbid_multi_line_headers("From", text, "utf-8")  # The header.
    except Exception:  # noqa: BLE001 (the parser behind these fails in many ways)
        address = ""
    # Django would encode other letters in the email address, which then names another mailbox.
    is_as_written = text == address or text.endswith(f"<{address}>")
    if not (is_as_written and "@" in address and text.isprintable()):
        raise ValidationError(
            "Expected an ASCII address, like accounts@example.com"
            ' or "Acme, Inc." <accounts@example.com>.'
        )
    return text


@env.parser_for("email_url")
def parse_email_url(text: str) -> dict[str, Any]:
    """Return Django's settings for mail."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ValidationError("Expected a URL that can be parsed.") from error
    is_smtp = url.scheme in {"smtp", "smtps"} and bool(url.hostname)
    is_file = url.scheme == "file" and url.path.startswith("/")
    if not (is_smtp or is_file or text == "console:"):
        forms = "smtps://USER:PASSWORD@HOST, smtp://HOST:PORT, file:///FOLDER or console:"
        raise ValidationError(f"Expected {forms}.")
    backends = {
        "console": "lazyrabbit.console.EmailBackend",
        "file": "django.core.mail.backends.filebased.EmailBackend",
    }
    # smtps is encrypted from the start. smtp uses STARTTLS if there is a password, so that it is
    # never sent in the clear.
    is_encrypted = url.scheme == "smtps"
    return {
        "EMAIL_BACKEND": backends.get(url.scheme, "django.core.mail.backends.smtp.EmailBackend"),
        "EMAIL_HOST": url.hostname or "",
        "EMAIL_PORT": port or (465 if is_encrypted else 587 if url.password else 25),
        "EMAIL_HOST_USER": unquote(url.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
        "EMAIL_USE_SSL": is_encrypted,
        "EMAIL_USE_TLS": not is_encrypted and bool(url.password),
        "EMAIL_FILE_PATH": url.path if is_file else None,
    }
