"""What the documentation promises about the repository is true."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_setting_is_documented() -> None:
    source = "".join((ROOT / f"deepfake_site/{name}.py").read_text() for name in ("settings", "accounts"))
    used = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))
    documented = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs/configuration.md").read_text()))
    assert len(used) > 15
    assert used <= documented, f"not in docs/configuration.md: {sorted(used - documented)}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)\)", document.read_text())
    missing = [t for t in targets if "://" not in t and not (document.parent / t).exists()]
    assert not missing


FOLDERS = "benchmarks|bin|deepfake_site|docs|ml_app|models|nginx|notebooks|static|tests|vendor"


def _source_files() -> set[str]:
    """Names and paths of the repository's files that are code, from each of their folders on."""
    files = [path.relative_to(ROOT) for top in FOLDERS.split("|") for path in (ROOT / top).rglob("*.py")]
    return {Path(*file.parts[start:]).as_posix() for file in files for start in range(len(file.parts))}


@pytest.mark.parametrize("document", [*DOCUMENTS, ROOT / "models/MODEL_CARD.md"], ids=lambda path: path.name)
def test_named_paths_exist(document: Path) -> None:
    """Whole paths wherever they stand; of code also bare names, as in a sentence about its folder."""
    text = document.read_text()
    paths = set(re.findall(rf"(?<![\w/.-])(?:{FOLDERS})/[\w./-]*[\w/]", text))
    of_the_reader = {path for path in paths if path.endswith(".pem")}  # certificates are not ours to ship
    assert not [path for path in paths - of_the_reader if not (ROOT / path).exists()]
    assert set(re.findall(r"`([\w/]+\.py)`", text)) <= _source_files()


def test_every_room_says_what_lies_there() -> None:
    for file in (ROOT / "ml_app").rglob("*/__init__.py"):
        if file.parent.name != "migrations":
            assert file.read_text().startswith('"""'), f"{file.parent} has no sentence"


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    mentioned = set(
        re.findall(r"make ([a-z-]+)\b(?= |`|$)", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    )
    assert {"run", "test"} <= mentioned
    assert {"run", "test", "setup", "help"} <= targets


def _rows(text: str) -> dict[str, list[str]]:
    lines = (line for line in text.splitlines() if line.startswith("| "))
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {first: rest for first, *rest in cells if first != "---"}


def test_the_readme_tells_the_model_cards_figures() -> None:
    of_clips = (ROOT / "models/MODEL_CARD.md").read_text().split("<!-- end of figures -->")[0]
    card = _rows(of_clips)
    column = card["Dev figure"].index("40 frames")
    readme = _rows((ROOT / "README.md").read_text().split("## How good is it?")[1].split("## On the")[0])
    told = {name: figures for name, figures in readme.items() if name in card}
    assert len(told) >= 6
    assert told == {name: [card[name][column]] for name in told}
    assert len(readme) == len(told) + 1, "but for the table's head, each row is one of the card's"
