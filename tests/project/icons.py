"""Draws the icons of the installable site, the mark of `static/img/mark.svg` in pixels.

.venv/bin/python -m tests.project.icons
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

FOLDER = Path(__file__).resolve().parents[2] / "static" / "img"
PAPER, INK, MARK = "#fbf9f4", "#1c2833", "#a63c1f"
FINE = 4  # times as large while it is drawn, so that edges become smooth
UNITS = 26  # of the mark's drawing
SAFE = 0.72  # of a maskable icon: what no shape that a phone cuts takes away


def icon(size: int, share: float = 1.0) -> Image.Image:
    """The mark on paper.

    Args:
        size: Of the icon, pixels.
        share: Of it that the mark takes.
    """
    whole = size * FINE
    unit = whole * share / UNITS
    middle = whole / 2
    picture = Image.new("RGB", (whole, whole), PAPER)
    draw = ImageDraw.Draw(picture)

    def round_about(radius: float) -> tuple[float, float, float, float]:
        reach = radius * unit
        return middle - reach, middle - reach, middle + reach, middle + reach

    width = 1.8 * unit
    draw.ellipse(round_about(11.9), fill=INK)
    draw.ellipse(round_about(10.1), fill=PAPER)
    draw.rectangle((middle - width / 2, middle - 11 * unit, middle + width / 2, middle + 11 * unit), fill=INK)
    draw.pieslice(round_about(7), -90, 90, fill=MARK)
    return picture.resize((size, size), Image.Resampling.LANCZOS).quantize(64, dither=Image.Dither.NONE)


def icons() -> dict[str, Image.Image]:
    """By file name."""
    return {"icon-192.png": icon(192), "icon-512.png": icon(512), "icon-512-maskable.png": icon(512, SAFE)}


def main() -> None:
    for name, picture in icons().items():
        picture.save(FOLDER / name, optimize=True)


if __name__ == "__main__":
    main()
