"""Tree -> project: what changed is written, what is stale goes, the user's stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeimg.errors import UserError
from edgeimg.render.tree import Copy, Entry, Link, Text, Tree
from edgeimg.render.write import write


def _tree(**files: str) -> Tree:
    tree = Tree()
    for name, content in files.items():
        tree.add(name.replace("__", "/"), Text(content=content))
    return tree


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    project = tmp_path / "p"
    assert write(_tree(a="1", b__c="2"), project).changed == ("a", "b/c")
    before = (project / "a").stat().st_mtime_ns
    assert write(_tree(a="1", b__c="3"), project).changed == ("b/c",)
    assert (project / "a").stat().st_mtime_ns == before


def test_stale_files_go_and_the_users_stay(tmp_path: Path) -> None:
    project = tmp_path / "p"
    write(_tree(a="1", b__c="2", d__e="3"), project)
    (project / "d" / "mine").write_text("x")
    assert write(_tree(a="1"), project).removed == ("b/c", "d/e")
    assert sorted(p.name for p in project.iterdir()) == [".edgeimg-files", "a", "d"]
    assert (project / "d" / "mine").read_text() == "x"


def test_a_folder_with_other_things_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(UserError, match="not an edgeimg project and not empty"):
        write(_tree(a="1"), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_link_is_never_written_through(tmp_path: Path) -> None:
    project = tmp_path / "p"
    write(_tree(a="1"), project)
    (tmp_path / "outside").write_text("precious")
    (project / "a").unlink()
    (project / "a").symlink_to(tmp_path / "outside")
    write(_tree(a="2"), project)
    assert (tmp_path / "outside").read_text() == "precious"
    assert (project / "a").read_text() == "2"


@pytest.mark.parametrize("path", ["../a", "/a", "a/../../b", "a//b", "./a"])
def test_a_path_never_leaves_the_tree(path: str) -> None:
    with pytest.raises(ValueError, match="not a path in the tree"):
        Tree().add(path, Text(content=""))


def test_a_file_that_changes_after_it_was_planned_is_noticed(tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.write_bytes(b"other")
    tree = Tree()
    tree.add("m", Copy(source=source, sha256="0" * 64))
    with pytest.raises(UserError, match="changed while it was used"):
        write(tree, tmp_path / "p")


def test_the_list_of_a_hand_edited_project_cannot_delete_outside(tmp_path: Path) -> None:
    project = tmp_path / "p"
    write(_tree(a="1"), project)
    (tmp_path / "precious").write_text("x")
    with (project / ".edgeimg-files").open("a") as file:
        file.write(f"../precious\n{tmp_path}/precious\n")
    write(_tree(a="1"), project)
    assert (tmp_path / "precious").exists()


def _one(path: str, entry: Entry) -> Tree:
    tree = Tree()
    tree.add(path, entry)
    return tree


def test_a_stale_link_is_no_way_out_of_the_project(tmp_path: Path) -> None:
    project, outside = tmp_path / "p", tmp_path / "outside"
    (outside / "x/y").mkdir(parents=True)
    (outside / "x/y/z").write_text("precious")
    write(_one("root/opt", Link(target=str(outside))), project)
    assert write(_tree(root__opt__x="1"), project).removed == ("root/opt",)
    assert (project / "root/opt/x").read_text() == "1"
    assert (outside / "x/y/z").read_text() == "precious"


def test_files_become_folders_and_folders_files(tmp_path: Path) -> None:
    project = tmp_path / "p"
    write(_tree(a="1", b__c__d="2"), project)
    (project / "b/c/empty").mkdir()
    write(_tree(a__x="3", b="4"), project)
    assert (project / "a/x").read_text() == "3"
    assert (project / "b").read_text() == "4"


def test_a_link_of_the_users_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    project, outside = tmp_path / "p", tmp_path / "outside"
    write(_tree(a="1", b__c="2"), project)
    outside.mkdir()
    (outside / "c").write_text("precious")
    (project / "b/c").unlink()
    (project / "b").rmdir()
    (project / "b").symlink_to(outside)
    with pytest.raises(UserError, match="p/b: is a link; edgeimg does not write through it"):
        write(_tree(a="3", b__c="4"), project)
    assert (project / "a").read_text() == "1"
    write(_tree(a="3"), project)  # nor is anything removed through it
    assert (outside / "c").read_text() == "precious"


def test_a_file_of_the_users_that_is_in_the_way_stays(tmp_path: Path) -> None:
    project = tmp_path / "p"
    write(_tree(a="1"), project)
    (project / "b").mkdir()
    (project / "b/mine").write_text("x")
    (project / "c").write_text("x")
    with pytest.raises(UserError, match="p/b/mine: is in the way of the file b"):
        write(_tree(a="1", b="2"), project)
    with pytest.raises(UserError, match="p/c: is a file, in the way of c/d"):
        write(_tree(a="1", c__d="2"), project)


def test_private_files_are_private_in_the_project(tmp_path: Path) -> None:
    project = tmp_path / "p"
    write(_one("a", Text(content="1", private=True)), project)
    assert (project / "a").stat().st_mode & 0o777 == 0o600
    write(_one("a", Text(content="1", private=True, executable=True)), project)
    assert (project / "a").stat().st_mode & 0o777 == 0o700
