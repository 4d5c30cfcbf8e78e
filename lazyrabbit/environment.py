"""How the environment is read: strictly, and all mistakes told at once."""

import ipaddress
import json
import re
from datetime import timedelta

import dj_database_url
from environs import Env, ValidationError

env = Env(eager=False)  # Collects every mistake.


@env.parser_for("database_url")
def parse_database_url(url: str) -> dj_database_url.DBConfig:
    if not re.match(r"(sqlite:///|postgres(ql)?://)", url):
        raise ValidationError("Expected sqlite:///FILE or postgres://USER:PASSWORD@HOST:PORT/NAME.")
    try:
        return dj_database_url.parse(url, conn_health_checks=True)
    except (ValueError, KeyError) as error:
        raise ValidationError("Expected a database URL that can be parsed.") from error


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
