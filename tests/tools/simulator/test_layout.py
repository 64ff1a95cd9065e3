"""Keys and sinks: no text makes a key that leaves the directory, and no file is removed that simulate did not write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastxform.errors import ContractError
from fastxform.tools.simulator.layout import MARKER, DirectorySink, hour, object_name, part


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("42", "42"),
        ("东京 é", "东京 é"),
        ("2022-05-06T11:47:40+09:00", "2022-05-06T11:47:40+09:00"),
        ("a/b", "a%2Fb"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("..", "%2E."),
        (".", "%2E"),
        (".hidden", "%2Ehidden"),
        ("100%", "100%25"),
        ("a\\b", "a%5Cb"),
        ("a\nb\x00c\x7f", "a%0Ab%00c%7F"),
    ],
)
def test_parts_of_keys(text, expected):
    """What could end a part or climb out of it is percent-encoded, everything else stays."""
    assert part(text) == expected


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=400))
def test_a_part_is_one_name_of_a_file_system(text):
    """One component, never hidden, at most 200 bytes; different texts that fit give different parts."""
    found = part(text)
    assert "/" not in found
    assert "\x00" not in found
    assert not found.startswith(".")
    assert len(found.encode()) <= 200


def test_long_parts_stay_different():
    """Where a text is cut, a digest keeps two that begin alike apart."""
    assert part("x" * 500) != part("x" * 501)
    assert len(part("東" * 100).encode()) <= 200 < len(("東" * 100).encode())


def test_the_names_of_objects():
    """Stream, version 1 and the moment in UTC."""
    assert hour(1_767_225_600_000) == "2026/01/01/00/"
    assert object_name("s", 1_767_225_600_999, "u") == "s-1-2026-01-01-00-00-00-u"


def files(root):
    """The relative names of all files, the marker left out."""
    found = (str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    return sorted(name for name in found if name != MARKER)


def filled(root, *keys):
    """A directory with these objects, written by one run."""
    sink = DirectorySink(root)
    sink.prepare()
    for key in keys:
        sink.append(key, key.encode())
    return sink


def test_objects_are_files_under_their_keys(tmp_path):
    """Appending adds to the end; the first append makes the directories."""
    sink = filled(tmp_path / "new", "a/b/c")
    sink.append("a/b/c", b"+")
    sink.append("d", b"")
    assert files(tmp_path / "new") == ["a/b/c", "d"]
    assert (tmp_path / "new/a/b/c").read_bytes() == b"a/b/c+"


def test_the_next_run_removes_what_the_last_one_wrote(tmp_path):
    """And nothing else: a file that somebody added stays, with its directory."""
    filled(tmp_path, "a/b/old", "a/c/old", "x")
    (tmp_path / "a/b/mine").write_text("keep")
    filled(tmp_path, "a/b/new")
    assert files(tmp_path) == ["a/b/mine", "a/b/new"]
    assert not (tmp_path / "a/c").exists()


def test_a_directory_of_somebody_else_is_refused(tmp_path):
    """One clear line, nothing changed; with force it is written to, and nothing is removed."""
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(ContractError, match="not empty and not made by simulate"):
        filled(tmp_path, "a")
    assert files(tmp_path) == ["mine"]
    sink = DirectorySink(tmp_path)
    sink.prepare(force=True)
    sink.append("a", b"")
    assert files(tmp_path) == ["a", "mine"]


@pytest.mark.parametrize("key", ["../evil", "a/../../evil", "/etc/evil", "a//b", "", "a/.", ".."])
def test_a_key_cannot_leave_the_directory(tmp_path, key):
    """Whatever built it."""
    sink = filled(tmp_path / "out")
    with pytest.raises(ContractError, match="empty part"):
        sink.append(key, b"x")
    assert files(tmp_path) == [f"out/{MARKER}"]


@pytest.mark.parametrize("line", ["../victim", "/victim", "a/../../victim", "link/victim", ".", "", "a\x00b"])
def test_a_marker_cannot_have_other_files_removed(tmp_path, line):
    """A marker that somebody wrote, or a link put into the directory, leads nowhere outside."""
    victim = tmp_path / "victim"
    victim.write_text("keep")
    out = tmp_path / "out"
    filled(out, "a/x")
    (out / "link").symlink_to(tmp_path)
    with (out / MARKER).open("a") as marker:
        marker.write(line + "\n")
    filled(out, "new")
    assert victim.read_text() == "keep"


def test_a_path_that_is_a_file_is_refused_in_one_line(tmp_path):
    """The caller says it as it is."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ContractError, match="is no directory"):
        DirectorySink(tmp_path / "file").prepare()


def test_a_damaged_marker_is_no_reason_to_fail(tmp_path):
    """Bytes that are no text name no object."""
    filled(tmp_path, "a")
    with (tmp_path / MARKER).open("ab") as marker:
        marker.write(b"\xff\xfe\n")
    filled(tmp_path, "b")
    assert files(tmp_path) == ["b"]
