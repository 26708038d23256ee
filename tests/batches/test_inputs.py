"""Zip files and tables: what is taken, what is refused, and by which code."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import pytest

from ml_app.batches import archive, table
from ml_app.errors import ServiceError, scan_errors
from tests.batches import zips


def members(path: Path, at_most: int = 100) -> list[tuple[str, str]]:
    return [(one.name, one.code) for one in archive.members(path, at_most=at_most)]


def code(path: Path, at_most: int = 100) -> str:
    with pytest.raises(ServiceError) as refused:
        archive.members(path, at_most=at_most)
    return refused.value.code


def read(path: Path, number: int = 0, at_most: int = 1000) -> bytes:
    return b"".join(archive.read_member(path, number, at_most=at_most))


def read_code(path: Path, number: int = 0, at_most: int = 1000) -> str:
    with pytest.raises(ServiceError) as refused:
        read(path, number, at_most)
    return refused.value.code


def test_files_are_listed_and_read(tmp_path: Path) -> None:
    files = {
        "folder/": b"",
        "folder/a.mp4": b"aaa",
        "__MACOSX/folder/._a.mp4": b"x",
        "folder/.DS_Store": b"x",
        "b \u00e4.mp4": b"bb",
    }
    path = zips.pack(tmp_path / "a.zip", files, zipfile.ZIP_DEFLATED)
    found = archive.members(path, at_most=2)
    assert [(one.name, one.code) for one in found] == [("folder/a.mp4", ""), ("b \u00e4.mp4", "")]
    assert [read(path, one.number) for one in found] == [b"aaa", b"bb"]
    assert code(path, at_most=1) == "batch_too_many"


@pytest.mark.parametrize(
    "name",
    [
        "../a.mp4",
        "/etc/a.mp4",
        "a/../../b.mp4",
        "C:/a.mp4",
        "a\\b.mp4",
        "a\nb.mp4",
        "a\u202e4pm.exe",
        "a" * 300,
    ],
)
def test_odd_names(tmp_path: Path, name: str) -> None:
    ((shown, found),) = members(zips.pack(tmp_path / "a.zip", {name: b"x"}))
    assert found == "bad_name"
    assert shown.isprintable() and len(shown) <= 255


def test_each_trick_has_its_code(tmp_path: Path) -> None:
    assert members(zips.with_link(tmp_path / "1.zip")) == [("link.mp4", "zip_link")]
    assert members(zips.with_flags(tmp_path / "2.zip", flags=1)) == [("clip.mp4", "zip_encrypted")]
    assert members(zips.with_flags(tmp_path / "3.zip", method=97)) == [("clip.mp4", "zip_method")]
    inner = zips.pack(tmp_path / "inner.zip", {"clip.mp4": b"x"}).read_bytes()
    path = zips.pack(tmp_path / "4.zip", {"inner.zip": inner, "clip.mp4": inner, "x.tar.gz": b"x"})
    assert members(path) == [("inner.zip", "zip_nested"), ("clip.mp4", ""), ("x.tar.gz", "zip_nested")]
    assert read_code(path, 1) == "zip_nested", "by what is in it, whatever it is called"


def test_bombs(tmp_path: Path) -> None:
    zeros = zips.pack(tmp_path / "1.zip", {"a.mp4": bytes(11 * 1024**2)}, zipfile.ZIP_DEFLATED)
    assert code(zeros) == "zip_bomb"
    assert code(zips.overlapping(tmp_path / "2.zip")) == "zip_bomb"
    assert read_code(zips.lying(tmp_path / "3.zip"), at_most=10**6) == "zip_broken", "more than it says"
    assert read_code(zips.pack(tmp_path / "4.zip", {"a.mp4": b"x" * 1001})) == "too_large"


def test_broken_and_empty_ones(tmp_path: Path) -> None:
    good = zips.pack(tmp_path / "1.zip", {"a.mp4": b"x" * 500}, zipfile.ZIP_DEFLATED).read_bytes()
    broken = tmp_path / "2.zip"
    broken.write_bytes(good[:-30])
    assert code(broken) == "zip_broken"
    assert code(zips.pack(tmp_path / "3.zip", {})) == "zip_empty"
    assert code(zips.pack(tmp_path / "4.zip", {"folder/": b""})) == "zip_empty"


def test_three_hundred_mutations_of_a_zip_file(tmp_path: Path) -> None:
    """Whatever is changed in it, it is read, or refused by a code that has a sentence."""
    files = {"a/clip.mp4": b"x" * 300, "b.mp4": bytes(range(256)) * 4}
    good = zips.pack(tmp_path / "good.zip", files, zipfile.ZIP_DEFLATED).read_bytes()
    chance, codes = random.Random(7), set()
    for number in range(300):
        data = bytearray(good)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(data))
            data[at : at + chance.choice((0, 1, 4))] = chance.randbytes(chance.choice((0, 1, 4)))
        path = tmp_path / f"{number % 2}.zip"
        path.write_bytes(data[: chance.randint(len(data) // 2, len(data))] if number % 5 == 0 else data)
        try:
            for one in archive.members(path, at_most=10):
                codes.add(one.code)
                if not one.code:
                    read(path, one.number, at_most=5000)
        except ServiceError as error:
            codes.add(error.code)
    assert {"", "zip_broken"} < codes
    assert all(code in scan_errors for code in codes - {""})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("https://a.example/1\nhttps://a.example/2\n", ["https://a.example/1", "https://a.example/2"]),
        ("name;URL\nfirst; https://a.example/1 \n;;\nsecond;ftp://x\n", ["https://a.example/1", "ftp://x"]),
        ('\ufeffurl,name\r\nhttps://a.example/1,"a, b"\r\n', ["https://a.example/1"]),
        ("link\thow\nhttps://a.example/1\tx\n", ["https://a.example/1"]),
        ("url\nnonsense\n", ["nonsense"]),
    ],
)
def test_tables(content: str, expected: list[str]) -> None:
    assert table.links(content.encode(), at_most=10) == expected
    assert table.links(content.removeprefix("\ufeff").encode("utf-16"), at_most=10) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "table_empty"),
        (b"url\n", "table_empty"),
        (b"\xff\xff\xff", "table_broken"),
        (b"words\nand more words\n", "table_broken"),
        (b"\0\0\0\x18ftypmp42", "table_broken"),
        (b'"' + b"x" * 20_000, "table_broken"),
        (b"https://a.example/1\n" * 11, "batch_too_many"),
        (b"x" * (table.LARGEST + 1), "table_broken"),
    ],
)
def test_what_is_no_table(content: bytes, expected: str) -> None:
    with pytest.raises(ServiceError) as refused:
        table.links(content, at_most=10)
    assert refused.value.code == expected


def test_two_hundred_mutations_of_a_table() -> None:
    good = b'url,name\nhttps://a.example/1,"a, b"\nhttps://a.example/2,c\n'
    chance = random.Random(7)
    for _ in range(200):
        data = bytearray(good)
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(data))
            data[at : at + chance.choice((0, 1, 3))] = chance.randbytes(chance.choice((0, 1, 3)))
        try:
            assert table.links(bytes(data), at_most=10)
        except ServiceError as error:
            assert error.code in scan_errors
