"""What `import_checkpoint` says to a file that it does not take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command


def refusal(settings: Any, models_dir: Path, file: Path, *arguments: str) -> str:
    """The message with which a file is refused; nothing may be left behind."""
    settings.MODELS_DIR = models_dir
    before = sorted(models_dir.iterdir())
    with pytest.raises(CommandError) as caught:
        call_command("import_checkpoint", str(file), *(arguments or ("--name", "new", "--frames", "10")))
    assert sorted(models_dir.iterdir()) == before
    message = str(caught.value)
    assert "Traceback" not in message
    assert str(models_dir) not in message
    return message
