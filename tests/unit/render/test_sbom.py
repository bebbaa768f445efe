"""What the SBOM of the debian project says, by the script that writes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from edgeimg.resources import data

PACKAGES = (("root", "zlib1g"), ("sysroot", "zlib1g"), ("sysroot", "nlohmann-json3-dev"))
LICENCES = {
    "door": "Apache-2.0",
    "night": "MIT OR Apache-2.0",
    "vendor": "LicenseRef-Acme (see contract)",
}


@pytest.fixture
def sbom(tmp_path: Path) -> Path:
    """The SBOM of a project of three models, as describe.py writes it."""
    for model in LICENCES:
        folder = tmp_path / "root/usr/share/edge-infer" / model / "samples"
        folder.mkdir(parents=True)
        (folder / "0.pgm").write_text(model)
    notice = "".join(f"{model}: {licence}\n" for model, licence in LICENCES.items())
    sums = "0" * 64
    files = {
        "root/usr/share/doc/edge-model/copyright": notice,
        "lock/packages.tsv": "".join(
            f"{role}\t{name}\t1\tdebian\tp\t1\t{sums}\n" for role, name in PACKAGES
        ),
        "lock/wheels.tsv": "",
        "build/app/CMakeCache.txt": "CMAKE_PROJECT_VERSION:STATIC=1.2\n",
        "build/edge-infer": "app",
        "build/root.squashfs": "root",
        "build/linux/version": "6.12\n",
        "bin/any-g++": "#!/bin/sh\necho g++ 12\n",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (tmp_path / "bin/any-g++").chmod(0o755)
    (tmp_path / "images").mkdir()
    names = {"PRODUCT": "p", "BOARD": "b", "ARCHITECTURE": "arm64", "RUNTIME": "litert"}
    subprocess.run(
        [sys.executable, str(data("debian-image") / "scripts/describe.py"), "images"],
        cwd=tmp_path,
        env={
            "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
            "GNU_TRIPLET": "any",
            "SOURCE_DATE_EPOCH": "1735689600",
            **names,
        },
        check=True,
        timeout=20,
    )
    return tmp_path / "images/sbom.spdx.json"


def _by_name(sbom: Path) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads(sbom.read_text())["packages"]}


def test_each_model_has_its_licence(sbom: Path) -> None:
    packages = _by_name(sbom)
    assert packages["door"]["licenseDeclared"] == "Apache-2.0"
    assert packages["night"]["licenseDeclared"] == "MIT OR Apache-2.0"
    assert packages["vendor"]["licenseDeclared"] == "NOASSERTION"
    assert "LicenseRef-Acme (see contract)" in packages["vendor"]["licenseComments"]
    assert validate_full_spdx_document(parse_file(str(sbom))) == []


def test_the_image_does_not_contain_what_the_app_was_compiled_with(sbom: Path) -> None:
    document = json.loads(sbom.read_text())
    ids = {name: one["SPDXID"] for name, one in _by_name(sbom).items()}
    related = {
        (one["spdxElementId"], one["relationshipType"], one["relatedSpdxElement"])
        for one in document["relationships"]
    }
    headers, app = ids["nlohmann-json3-dev"], ids["edge-infer"]
    assert ("SPDXRef-Image", "CONTAINS", ids["zlib1g"]) in related
    assert ("SPDXRef-Image", "CONTAINS", headers) not in related
    assert (headers, "BUILD_DEPENDENCY_OF", app) in related
