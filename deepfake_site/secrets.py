"""The secret key of an installation that was given none."""

import os
import secrets
from pathlib import Path


def secret_key(path: Path) -> str:
    """Read the key from `path`; on the first run make one and keep it there, readable by the owner alone.

    Two processes that start at once end up with the same key: the file is linked into place, and the one that
    comes second reads what the first one wrote.
    """
    if not path.exists():
        mine = path.with_name(f"{path.name}.{os.getpid()}")
        mine.touch(mode=0o600)
        mine.write_text(secrets.token_urlsafe(50))
        try:
            os.link(mine, path)
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    return path.read_text().strip()
