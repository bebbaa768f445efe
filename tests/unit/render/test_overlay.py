"""What a user's folder may hold, and what is said of the rest."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from edgeimg.builders.debian.render import _add_overlay
from edgeimg.errors import UserError
from edgeimg.plan.debian import check_overlay
from edgeimg.render.tree import Copy, Link, Text, Tree


def _emitted() -> Tree:
    tree = Tree()
    tree.add("root/etc/hostname", Text(content="digits\n"))
    tree.add("root/usr/lib/edgeimg/init", Text(content="", executable=True))
    return tree


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    folder = tmp_path / "overlay"
    folder.mkdir()
    return folder


def test_empty_folders_and_private_files_stand_in_lists(overlay: Path) -> None:
    for folder in ("mnt/data", "etc", "usr/lib"):
        (overlay / folder).mkdir(parents=True)
    for name, mode in (("key", 0o600), ("once", 0o400), ("tool", 0o700), ("plain", 0o640)):
        (overlay / "etc" / name).write_text("x")
        (overlay / "etc" / name).chmod(mode)
    tree = _emitted()
    assert _add_overlay(tree, overlay) == ["root.folders", "root.private"]
    assert tree.files["root.folders"] == Text(content="mnt/data\n")
    assert tree.files["root.private"] == Text(content="etc/key\netc/once\netc/tool\n")
    tool = tree.files["root/etc/tool"]
    assert isinstance(tool, Copy)
    assert (tool.executable, tool.private) == (True, True)


def test_nothing_below_an_overlay_is_taken_for_a_cache(overlay: Path) -> None:
    names = ["opt/.cache/a", "opt/.git/b", "opt/__pycache__/c", "opt/build/d"]
    for name in names:
        (overlay / name).parent.mkdir(parents=True)
        (overlay / name).write_text("x")
    tree = Tree()
    assert _add_overlay(tree, overlay) == []
    assert sorted(tree.files) == [f"root/{name}" for name in names]


def test_only_the_top_of_the_app_has_a_build_folder(tmp_path: Path) -> None:
    for name in ("build/a", "src/build/b", "src/__pycache__/c"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("x")
    tree = Tree()
    tree.copy_folder(tmp_path, "app", skip=("build",))
    assert sorted(tree.files) == ["app/src/build/b"]


def test_links_stay_links_wherever_they_lead(overlay: Path) -> None:
    (overlay / "all").symlink_to("/")
    tree = Tree()
    _add_overlay(tree, overlay)
    assert tree.files == {"root/all": Link(target="/")}


def test_a_fifo_or_socket_is_refused(overlay: Path) -> None:
    (overlay / "etc").mkdir()
    os.mkfifo(overlay / "etc/fifo")
    with pytest.raises(UserError, match=r"^overlay: etc/fifo is neither file, folder nor link$"):
        _add_overlay(Tree(), overlay)
    (overlay / "etc/fifo").unlink()
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(overlay / "etc/socket"))
    with pytest.raises(UserError, match=r"^overlay: etc/socket is neither"):
        _add_overlay(Tree(), overlay)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["etc", "etc/key"])
def test_what_cannot_be_read_is_named(overlay: Path, name: str) -> None:
    (overlay / "etc").mkdir()
    (overlay / "etc/key").write_text("x")
    (overlay / name).chmod(0)
    try:
        with pytest.raises(UserError, match=f"^overlay: {name} cannot be read: Permission denied"):
            _add_overlay(Tree(), overlay)
    finally:
        (overlay / name).chmod(0o700)


@pytest.mark.parametrize("name", [b"a\nb", b"a\tb", b"a\x7f", b"a\xff", "a\u2028b".encode()])
def test_names_that_break_a_line_are_refused(overlay: Path, name: bytes) -> None:
    (overlay / os.fsdecode(name)).write_text("x")
    with pytest.raises(UserError, match="control character, or is not UTF-8"):
        _add_overlay(Tree(), overlay)


def test_targets_that_break_a_line_are_refused(overlay: Path) -> None:
    (overlay / "link").symlink_to("a\nprivate /etc")
    with pytest.raises(UserError, match=r"^overlay: link leads to 'a\\nprivate /etc', with a"):
        _add_overlay(Tree(), overlay)


def test_a_folder_where_the_image_has_a_file_is_refused(overlay: Path) -> None:
    (overlay / "etc/hostname").mkdir(parents=True)
    expected = r"^overlay: etc/hostname is a folder here, and a file in the image\. Rename"
    with pytest.raises(UserError, match=expected):
        _add_overlay(_emitted(), overlay)
    (overlay / "etc/hostname/x").write_text("x")
    with pytest.raises(UserError, match=expected):
        _add_overlay(_emitted(), overlay)


def test_a_file_or_link_where_the_image_has_a_folder_is_refused(overlay: Path) -> None:
    (overlay / "usr").write_text("x")
    with pytest.raises(UserError, match=r"^overlay: usr is a file here, and a folder in the image"):
        _add_overlay(_emitted(), overlay)
    (overlay / "usr").unlink()
    (overlay / "usr").symlink_to("/tmp")
    with pytest.raises(UserError, match=r"^overlay: usr is a link here, and a folder in the image"):
        _add_overlay(_emitted(), overlay)


def test_folders_that_are_links_in_the_image_are_refused(overlay: Path) -> None:
    (overlay / "bin").symlink_to("usr/bin")
    check_overlay(overlay, "product")
    _add_overlay(Tree(), overlay)
    (overlay / "lib/systemd").mkdir(parents=True)
    with pytest.raises(UserError, match=r"overlay: lib is a link to usr/lib in the image\. Put"):
        check_overlay(overlay, "product")


def test_a_mistake_is_said_at_the_products_line(
    overlay: Path,
    edgeimg,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(overlay.parent)
    os.mkfifo(overlay / "fifo")
    Path("edgeimg.yaml").write_text(
        "version: 1\nname: d\nboard: qemu-arm64\nmodels: [digits]\noverlay: overlay\n"
    )
    answer = edgeimg("generate", "--builder", "yocto")
    assert answer.status == 2
    said = "error: edgeimg.yaml:5:10: overlay: fifo is neither file, folder nor link\n"
    assert answer.stderr.endswith(said)
