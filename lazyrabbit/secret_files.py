"""Secrets from files, as Docker, Kubernetes and systemd hand them over: ``NAME_FILE`` for ``NAME``.

Every child process inherits the environment, and tools that describe a service show it; a file is
read once, with its permissions.
"""

import os
from pathlib import Path
from typing import Any

from environs import Env

SECRETS = {
    *("SECRET_KEY", "SECRET_KEY_FALLBACKS", "JWT_SIGNING_KEY", "METRICS_TOKEN"),
    *("DATABASE_URL", "EMAIL_URL"),
}
ROOT = Path(__file__).resolve().parent.parent


class SecretsEnv(Env):
    """Reads secrets from files too, collects every mistake, and remembers the files."""

    def __init__(self) -> None:
        super().__init__(eager=False)
        self.files: dict[str, Path] = {}

    def _get_value(self, env_key: str, default: Any) -> Any:
        name = f"{env_key}_FILE"
        path = os.environ.get(name) if env_key in SECRETS else None
        if not path:
            return super()._get_value(env_key, default)
        self.files[env_key] = ROOT / path
        if os.environ.get(env_key):
            self._errors[name].append(f"Expected either this or {env_key}, not both.")
            return default
        try:
            return read(ROOT / path)
        except ValueError as error:
            self._errors[name].append(str(error))
            return default


def read(file: Path) -> str:
    """Return the single line of a file. Raises ValueError."""
    # No error repeats the path: the secret itself may be there by mistake.
    try:
        text = file.read_text("utf-8-sig")
    except OSError as error:
        raise ValueError(f"The file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ValueError("The file is not in UTF-8.") from error
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret.strip():
        raise ValueError("The file is empty.")
    if not secret.isprintable():
        raise ValueError("Expected one line in the file.")
    return secret
