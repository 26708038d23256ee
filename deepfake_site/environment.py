"""The environment that settings come from, which remembers what was asked of it and what it answered."""

from __future__ import annotations

import re
from typing import Any

import environ

_SECRET = re.compile("SECRET|KEY|PASSWORD|TOKEN|DSN")
_ADDRESS_WITH_SECRET = re.compile(r"://[^/@]*@")
_asked: dict[str, str] = {}


class Environment(environ.FileAwareEnv):  # type: ignore[misc] # X_FILE names a file that holds X
    """As django-environ has it; what it gives for each name, defaults too, is kept as a text."""

    def get_value(self, var: Any, *args: Any, **kwargs: Any) -> Any:
        """The value for a name."""
        value = super().get_value(var, *args, **kwargs)
        _asked[str(var)] = _text(value)
        return value


def _text(value: Any) -> str:
    if hasattr(value, "geturl"):
        return str(value.geturl())
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def effective() -> dict[str, str]:
    """What each variable of the environment is, or is by default, by name."""
    return dict(sorted(_asked.items()))


def is_secret(name: str, value: str) -> bool:
    """Whether a value must not be told: by its name, or as an address with a password in it."""
    return bool(_SECRET.search(name) or _ADDRESS_WITH_SECRET.search(value))
