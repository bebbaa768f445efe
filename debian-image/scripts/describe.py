"""describe.py IMAGES: write image.json and sbom.spdx.json about the files there.

All that they say comes from the lock, from the image and from its configuration,
so that two builds of one lock say the same.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote


def sha256(path):
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def rows(name, keys):
    """The lines of a lock file as dicts."""
    lines = Path("lock", name).read_text().splitlines()
    return [dict(zip(keys, line.split("\t"), strict=True)) for line in lines if line]


def licence_of(package):
    """Licences that a machine-readable copyright file names, as an SPDX expression.

    Only where every name is an SPDX identifier already: a guess is worse than none.
    """
    for place in ("build/base/usr/share/doc", "build/linux/doc"):
        path = Path(place, package, "copyright")
        if path.is_file():
            break
    else:
        return "NOASSERTION"
    text = path.read_text(errors="replace")
    if "copyright-format/1.0" not in text:
        return "NOASSERTION"
    names = set(re.findall(r"^License:[ \t]*(\S[^\n]*)$", text, re.MULTILINE))
    if not names or not names <= SPDX.keys():
        return "NOASSERTION"
    return " AND ".join(sorted({SPDX[name] for name in names}))


# Debian's short names (copyright-format 1.0, section 7.1) -> SPDX identifiers.
SPDX = {
    "Apache-2.0": "Apache-2.0", "Artistic": "Artistic-1.0-Perl",
    "BSD-2-clause": "BSD-2-Clause", "BSD-3-clause": "BSD-3-Clause", "BSL-1.0": "BSL-1.0",
    "CC0-1.0": "CC0-1.0", "Expat": "MIT", "GPL-1": "GPL-1.0-only", "GPL-1+": "GPL-1.0-or-later",
    "GPL-2": "GPL-2.0-only", "GPL-2+": "GPL-2.0-or-later", "GPL-3": "GPL-3.0-only",
    "GPL-3+": "GPL-3.0-or-later", "ISC": "ISC", "LGPL-2": "LGPL-2.0-only",
    "LGPL-2+": "LGPL-2.0-or-later", "LGPL-2.1": "LGPL-2.1-only", "LGPL-2.1+": "LGPL-2.1-or-later",
    "LGPL-3": "LGPL-3.0-only", "LGPL-3+": "LGPL-3.0-or-later", "MIT": "MIT",
    "MPL-2.0": "MPL-2.0", "Zlib": "Zlib", "zlib": "Zlib",
}  # fmt: skip


def declared(licence):
    """The fields that say a model's licence, as its manifest has it.

    Only identifiers of the table above are taken for SPDX's.
    """
    known = "|".join(map(re.escape, SPDX.values()))
    if re.fullmatch(rf"(?:{known})(?: (?:AND|OR) (?:{known}))*", licence):
        return {"licenseDeclared": licence}
    said = {"licenseComments": f"The model's manifest says: {licence}"} if licence else {}
    return {"licenseDeclared": "NOASSERTION", **said}


def spdx_id(*parts):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", "-".join(parts))


def package(name, version, digest, purl, licence, location="NOASSERTION"):
    entry = {
        "SPDXID": spdx_id("Package", name, version),
        "name": name,
        "versionInfo": version,
        "downloadLocation": location,
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
    }
    if purl:
        entry["externalRefs"] = [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": purl,
        }]  # fmt: skip
    return entry


def model_package(name, licence, files):
    """The package of one model, its samples and labels: one whose files are all listed.

    SPDX lets no other package contain files.
    """
    sums = sorted(file["checksums"][0]["checksumValue"] for file in files)
    code = hashlib.sha1("".join(sums).encode()).hexdigest()  # SPDX 2.3, section 7.9
    return {
        "SPDXID": spdx_id("Model", name),
        "name": name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": code},
        "licenseConcluded": "NOASSERTION",
        "licenseInfoFromFiles": ["NOASSERTION"],
        **declared(licence),
        "copyrightText": "NOASSERTION",
    }


def models():
    """Each model's package, with the entries of its files."""
    notice = Path("root/usr/share/doc/edge-model/copyright")
    licences = dict(re.findall("^(.+?): (.*)$", notice.read_text(), re.MULTILINE))
    for folder in sorted(Path("root/usr/share/edge-infer").iterdir()):
        files = [file_entry(path) for path in sorted(folder.rglob("*")) if path.is_file()]
        if files:
            yield model_package(folder.name, licences.get(folder.name, ""), files), files


def file_entry(path):
    name = "/" + path.relative_to("root").as_posix()
    return {
        "SPDXID": spdx_id("File", hashlib.sha256(name.encode()).hexdigest()[:16]),
        "fileName": "." + name,
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": hashlib.sha1(path.read_bytes()).hexdigest()},
            {"algorithm": "SHA256", "checksumValue": sha256(path)},
        ],
        "licenseConcluded": "NOASSERTION",
        "licenseInfoInFiles": ["NOASSERTION"],
        "copyrightText": "NOASSERTION",
    }


def related(one, relation, others):
    return [
        {"spdxElementId": one, "relationshipType": relation, "relatedSpdxElement": other}
        for other in others
    ]


def sbom(env, packages, wheels, app_version):
    product = env["PRODUCT"]
    created = datetime.fromtimestamp(int(env["SOURCE_DATE_EPOCH"]), timezone.utc)
    entries, roles = {}, {}
    for row in packages:  # a package may have two roles; it is one package
        purl = f"pkg:deb/debian/{quote(row['name'])}@{quote(row['version'], safe='')}?arch={env['ARCHITECTURE']}"
        entry = package(row["name"], row["version"], row["sha256"], purl, licence_of(row["name"]))
        entries[entry["SPDXID"]] = entry
        roles.setdefault(entry["SPDXID"], set()).add(row["role"])
    headers = [key for key, its in roles.items() if its == {"sysroot"}]
    for row in wheels:
        purl = f"pkg:pypi/{quote(row['name'].lower())}@{quote(row['version'], safe='')}"
        entry = package(row["name"], row["version"], row["sha256"], purl, "NOASSERTION", row["url"])
        entries[entry["SPDXID"]] = entry
    app = package("edge-infer", app_version, sha256(Path("build/edge-infer")), None, "NOASSERTION")
    image = package(product, "0", sha256(Path("build/root.squashfs")), None, "NOASSERTION")
    image["SPDXID"] = "SPDXRef-Image"
    entries[app["SPDXID"]] = app

    files, holds = [], []
    for shipped, inside in models():
        entries[shipped["SPDXID"]] = shipped
        files += inside
        holds += related(shipped["SPDXID"], "CONTAINS", (file["SPDXID"] for file in inside))
    content = json.dumps([list(entries.values()), files], sort_keys=True)
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{product}-{env['BOARD']}",
        "documentNamespace": f"https://spdx.org/spdxdocs/{product}-{hashlib.sha256(content.encode()).hexdigest()}",
        "creationInfo": {
            "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: edgeimg"],
        },
        "packages": [image, *(entries[key] for key in sorted(entries))],
        "files": files,
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-Image"},
            *related("SPDXRef-Image", "CONTAINS", (key for key in entries if key not in headers)),
            *(one for key in headers for one in related(key, "BUILD_DEPENDENCY_OF", [app["SPDXID"]])),
            *holds,
        ],
    }  # fmt: skip


def main(images):
    env = os.environ
    images = Path(images)
    packages = rows("packages.tsv", ("role", "name", "version", "repository", "path", "size", "sha256"))
    wheels = rows("wheels.tsv", ("name", "version", "file", "member", "url", "size", "sha256"))
    compiler = subprocess.run(
        [env["GNU_TRIPLET"] + "-g++", "--version"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]

    cache = Path("build/app/CMakeCache.txt").read_text()
    version = re.search(r"^CMAKE_PROJECT_VERSION:STATIC=(.+)$", cache, re.MULTILINE)
    document = sbom(env, packages, wheels, version[1] if version else "0")
    (images / "sbom.spdx.json").write_text(json.dumps(document, indent=1) + "\n")
    description = {
        "product": env["PRODUCT"],
        "board": env["BOARD"],
        "architecture": env["ARCHITECTURE"],
        "kernel": Path("build/linux/version").read_text().strip(),
        "runtime": env["RUNTIME"],
        "runtime_packages": {row["name"]: row["version"] for row in wheels},
        "toolchain": compiler,
        "files": {
            path.name: {"size": path.stat().st_size, "sha256": sha256(path)}
            for path in sorted(images.iterdir())
        },
    }
    (images / "image.json").write_text(json.dumps(description, indent=1) + "\n")


main(sys.argv[1])
