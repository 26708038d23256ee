"""Each published set is read from its own folders, and nothing of it stands in two splits."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ml_app.training.data.items import Clip, Listing, ReaderError
from ml_app.training.readers import Options, read_set
from ml_app.training.readers.splits import joined, split_of
from ml_app.training.readers.table import read_clips, write_clips


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"\0")


def by_source(listing: Listing) -> dict[str, Clip]:
    return {clip.face.source: clip for clip in listing.clips}


def assert_no_leak(listing: Listing) -> None:
    """No file, pair or person in two splits; shards have names of their own."""
    places: dict[tuple[str, str], set[str]] = {}
    for clip in listing.clips:
        for key in (("file", str(clip.path)), ("pair", clip.face.pair), ("group", clip.face.group)):
            places.setdefault(key, set()).add(clip.split)
    assert all(len(splits) == 1 for (_, value), splits in places.items() if value)
    assert len({clip.name for clip in listing.clips}) == len(listing.clips)


@pytest.fixture
def ffpp(tmp_path: Path) -> Path:
    root = tmp_path / "FaceForensics"
    pairs = [("071", "054"), ("003", "000"), ("710", "713")]
    for quality in ("c23", "c40"):
        for one, other in pairs:
            touch(root, *(f"original_sequences/youtube/{quality}/videos/{n}.mp4" for n in (one, other)))
            for method in ("Deepfakes", "Face2Face"):
                folder = f"manipulated_sequences/{method}/{quality}/videos"
                touch(root, f"{folder}/{one}_{other}.mp4", f"{folder}/{other}_{one}.mp4")
    touch(root, "original_sequences/actors/c23/videos/01__hugging.mp4")
    touch(root, "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__hugging__YVGY8LOK.mp4")
    for name, pair in zip(("train", "val", "test"), pairs, strict=True):
        (root / f"{name}.json").write_text(json.dumps([list(pair)]))
    return root


def test_faceforensics_with_its_official_split(ffpp: Path) -> None:
    listing = read_set("ffpp", ffpp)
    assert len(listing.clips) == 6 + 12
    assert not listing.notes
    assert_no_leak(listing)
    clips = by_source(listing)
    fake = clips["manipulated_sequences/Face2Face/c23/videos/054_071.mp4"]
    assert (fake.split, fake.face.fake, fake.face.pair) == ("train", True, "054")
    assert (fake.face.generator, fake.face.family) == ("Face2Face", "reenactment")
    real = clips["original_sequences/youtube/c23/videos/054.mp4"]
    assert (real.split, real.face.fake, real.face.pair) == ("train", False, "054")
    assert clips["original_sequences/youtube/c23/videos/003.mp4"].split == "dev"
    assert clips["manipulated_sequences/Deepfakes/c23/videos/710_713.mp4"].split == "test"


def test_faceforensics_without_lists_keeps_swapped_pairs_together(ffpp: Path) -> None:
    for name in ("train", "val", "test"):
        (ffpp / f"{name}.json").rename(ffpp.parent / f"{name}.json")
    listing = read_set("ffpp", ffpp, Options(compression="c40"))
    assert len(listing.clips) == 18
    assert "no official split" in listing.notes[0]
    assert_no_leak(listing)
    given = read_set("ffpp", ffpp, Options(ffpp_splits=ffpp.parent))
    assert {clip.split for clip in given.clips} == {"train", "dev", "test"}
    with pytest.raises(ReaderError, match="--compression"):
        read_set("ffpp", ffpp, Options(compression="c0"))
    with pytest.raises(ReaderError, match=r"val\.json"):
        read_set("ffpp", ffpp, Options(ffpp_splits=ffpp))


def test_deepfakedetection_is_split_by_actor(tmp_path: Path) -> None:
    root = tmp_path / "FaceForensics"
    for actor in range(1, 29):
        touch(root, f"original_sequences/actors/c23/videos/{actor:02}__walking_outside.mp4")
        for source in range(1, 29):
            if source != actor:
                name = f"{actor:02}_{source:02}__walking_outside__ABCDEFGH.mp4"
                touch(root, f"manipulated_sequences/DeepFakeDetection/c23/videos/{name}")
    listing = read_set("dfd", root)
    assert_no_leak(listing)
    fakes = [clip for clip in listing.clips if clip.face.fake]
    for clip in fakes:
        target, source = clip.path.name.split("__")[0].split("_")
        assert split_of(f"actor {target}") == split_of(f"actor {source}") == clip.split
        assert clip.face.pair == f"{target}__walking_outside"
    assert {clip.split for clip in fakes} == {"train", "dev", "test"}
    assert len(fakes) > 28 * 27 / 3
    assert f"{28 * 27 - len(fakes)} fakes join actors" in listing.notes[0]


def test_celeb_df_keeps_its_test_list_and_splits_the_rest_by_person(tmp_path: Path) -> None:
    root = tmp_path / "Celeb-DF-v2"
    for person in range(20):
        touch(root, f"Celeb-real/id{person}_0000.mp4", f"Celeb-real/id{person}_0001.mp4")
        for other in range(20):
            if other != person:
                touch(root, f"Celeb-synthesis/id{person}_id{other}_0000.mp4")
    touch(root, *(f"YouTube-real/{n:05}.mp4" for n in range(10)))
    lines = ["1 Celeb-real/id3_0000.mp4", "0 Celeb-synthesis/id4_id5_0000.mp4", "1 YouTube-real/00002.mp4"]
    (root / "List_of_testing_videos.txt").write_text("\n".join(lines) + "\n")
    listing = read_set("celebdf", root)
    clips = by_source(listing)
    assert sorted(s for s, clip in clips.items() if clip.split == "test") == [
        "Celeb-real/id3_0000.mp4",
        "Celeb-synthesis/id4_id5_0000.mp4",
        "YouTube-real/00002.mp4",
    ]
    # Footage of the list, in any version, is in no other split.
    assert not [s for s in clips if s.startswith(("Celeb-synthesis/id3_", "Celeb-real/id4_0000"))]
    persons: dict[str, set[str]] = {}
    for source, clip in clips.items():
        if clip.split != "test" and source.startswith("Celeb"):
            for person in Path(source).stem.split("_")[:-1]:
                persons.setdefault(person, set()).add(clip.split)
    assert all(len(splits) == 1 for splits in persons.values())
    assert {split for splits in persons.values() for split in splits} == {"train", "dev"}
    assert clips["Celeb-real/id6_0000.mp4"].face.pair == "id6_0000"
    assert any("persons of two splits" in note for note in listing.notes)
    assert any("of its 4 persons also stand in train or dev" in note for note in listing.notes)


def test_dfdc_fakes_go_where_their_original_goes(tmp_path: Path) -> None:
    for part in range(2):
        rows = {}
        for number in range(12):
            original = f"real{part}{number}.mp4"
            rows[original] = {"label": "REAL", "split": "train"}
            rows[f"fake{part}{number}.mp4"] = {"label": "FAKE", "split": "train", "original": original}
        touch(tmp_path, *(f"part_{part}/{name}" for name in rows))
        rows["gone.mp4"] = {"label": "REAL", "split": "train"}
        (tmp_path / f"part_{part}/metadata.json").write_text(json.dumps(rows))
    touch(tmp_path, "part_2/held.mp4")
    (tmp_path / "part_2/metadata.json").write_text('{"held.mp4": {"label": "REAL", "split": "validation"}}')
    listing = read_set("dfdc", tmp_path)
    assert len(listing.clips) == 49
    assert_no_leak(listing)
    assert "2 videos of the metadata are not there" in listing.notes[0]
    clips = by_source(listing)
    assert clips["part_2/held.mp4"].split == "dev"
    assert clips["part_1/fake13.mp4"].face.pair == "real13"
    assert clips["part_1/fake13.mp4"].split == clips["part_1/real13.mp4"].split
    assert read_set("dfdc", tmp_path / "part_0").clips
    (tmp_path / "part_0/metadata.json").write_text('{"a.mp4": "REAL"}')
    with pytest.raises(ReaderError, match="FAKE or REAL"):
        read_set("dfdc", tmp_path)


def test_a_plain_folder(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.mp4", "fake/roop/a.mp4", "fake/b.mp4", "real/face.jpg", "real/notes.txt")
    listing = read_set("folder", tmp_path)
    clips = by_source(listing)
    assert set(clips) == {"real/a.mp4", "fake/roop/a.mp4", "fake/b.mp4"}
    assert clips["fake/roop/a.mp4"].face.generator == "roop"
    assert clips["fake/roop/a.mp4"].face.pair == clips["real/a.mp4"].face.pair == "a"
    assert [picture.face.source for picture in listing.pictures] == ["real/face.jpg"]
    assert not listing.pictures[0].tight
    assert_no_leak(listing)
    with pytest.raises(ReaderError, match="real/ and in fake/"):
        read_set("folder", tmp_path / "real")


def test_a_plain_folder_with_splits_made_by_hand(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{split}/{label}/1.mp4" for split in ("train", "dev") for label in ("real", "fake")))
    listing = read_set("folder", tmp_path)
    assert {source: clip.split for source, clip in by_source(listing).items()} == {
        "train/real/1.mp4": "train",
        "train/fake/1.mp4": "train",
        "dev/real/1.mp4": "dev",
        "dev/fake/1.mp4": "dev",
    }
    assert_no_leak(listing)


@pytest.mark.parametrize("packed", [False, True])
def test_pairs_and_faces_of_a_folder_or_tar(tmp_path: Path, packed: bool) -> None:
    names = [f"{original}/{file}.jpg" for original in "abcdefgh" for file in ("real", "fake-1", "fake-2")]
    touch(tmp_path / "pairs", *names, "given/notes.txt")
    touch(tmp_path / "faces", "train/1.jpg", "dev/2.png", "3.jpg")
    if packed:
        for name in ("pairs", "faces"):
            with tarfile.open(tmp_path / f"{name}.tar", "w") as archive:
                archive.add(tmp_path / name, arcname=".")
    suffix = ".tar" if packed else ""
    listing = read_set("pairs", tmp_path / f"pairs{suffix}")
    assert listing.name == "pairs"
    assert len(listing.pictures) == len(names)
    for original in "abcdefgh":
        found = [p for p in listing.pictures if p.face.pair == original]
        assert [p.face.fake for p in found] == [True, True, False]
        assert {p.split for p in found} == {split_of(original)}
        assert all(p.file.read_bytes()[p.offset : p.offset + p.size] == b"\0" for p in found)
    faces = read_set("faces", tmp_path / f"faces{suffix}").pictures
    assert {p.face.group: p.split for p in faces} == {
        "1.jpg": "train",
        "2.png": "dev",
        "3.jpg": split_of("3.jpg"),
    }


def test_a_table_with_a_path_and_a_label_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("path,label\na/1.mp4,real\nb/1.mp4,fake\n")
    listing = read_set("clips", tmp_path / "mine.csv")
    assert [clip.name for clip in listing.clips] == ["a-1", "b-1"]
    assert [clip.split for clip in listing.clips] == [split_of("a/1.mp4"), split_of("b/1.mp4")]


def test_clips_of_one_person_or_pair_stay_together(tmp_path: Path) -> None:
    lines = ["file,label,person,pair"]
    for number in range(30):
        lines += [f"r{number}.mp4,real,p{number // 3},x{number}", f"f{number}.mp4,fake,,x{number}"]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    clips = read_clips(tmp_path / "mine.csv")
    splits: dict[str, set[str]] = {}
    for clip in clips:
        number = int(clip.path.stem[1:])
        splits.setdefault(f"p{number // 3}", set()).add(clip.split)
    assert all(len(found) == 1 for found in splits.values())
    assert len({clip.split for clip in clips}) > 1


def test_a_listing_written_as_a_table_is_read_again(ffpp: Path, tmp_path: Path) -> None:
    clips = read_set("ffpp", ffpp).clips
    write_clips(tmp_path / "out/ffpp.csv", clips)
    again = read_clips(tmp_path / "out/ffpp.csv")
    assert [clip.path for clip in again] == [clip.path for clip in clips]
    for one, other in zip(again, clips, strict=True):
        assert (one.split, one.face.fake, one.face.pair) == (other.split, other.face.fake, other.face.pair)
        assert (one.face.family, one.face.generator) == (other.face.family, other.face.generator)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,split\na,train\n", "'label' are needed"),
        ("label\nreal\n", "'file' and"),
        ("file,split,label\na,train,maybe\n", "line 2: label"),
        ("file,split,label\na,training,real\n", "line 2: split"),
        ("file,split,label,pair\na,train,real,1\nb,dev,fake,1\n", "pair '1' stands in train and in dev"),
        ("file,split,label,person\na,train,real,z\nb,dev,fake,z\n", "group 'z' stands in train and in dev"),
        ("file,split,label\na,train,real\na,test,real\n", "file 'a' stands in train and in test"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "clips.csv").write_text(text)
    with pytest.raises(ReaderError, match=message):
        read_set("clips", tmp_path / "clips.csv")


@pytest.mark.parametrize("kind", ["ffpp", "dfd", "celebdf", "dfdc", "folder", "faces", "pairs"])
@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: None])
def test_an_empty_or_missing_folder_says_what_is_expected(
    tmp_path: Path, kind: str, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "nothing")
    with pytest.raises(ReaderError, match="nothing"):
        read_set(kind, tmp_path / "nothing")


def test_a_compressed_tar_says_what_to_do(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "faces.tar", "w:gz"):
        pass
    with pytest.raises(ReaderError, match="unpack it"):
        read_set("faces", tmp_path / "faces.tar")


def test_splits_are_stable_and_about_the_shares_they_should_be() -> None:
    splits = [split_of(f"person {number}") for number in range(2000)]
    assert 0.12 < splits.count("dev") / 2000 < 0.18
    assert 0.12 < splits.count("test") / 2000 < 0.18
    assert [split_of(name) for name in ("a", "b", "c", "d")] == ["dev", "train", "train", "train"]
    assert joined([["b", "a"], ["c"], ["b", "d"], ["c", "e"]]) == ["a", "c", "a", "c"]
