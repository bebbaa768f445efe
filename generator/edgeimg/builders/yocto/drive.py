"""Drives the emitted project through kas: shared folders, progress, and why it failed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edgeimg.builders.image import Image, log_file, plain_environment
from edgeimg.builders.yocto import container as containers
from edgeimg.builders.yocto.artefacts import collect
from edgeimg.builders.yocto.at_hand import needs_network, without_network
from edgeimg.builders.yocto.events import EventLog, last_lines
from edgeimg.cache import Cache, write_atomic
from edgeimg.errors import EdgeimgError, InternalError, UserError
from edgeimg.events import Log, Report, Step
from edgeimg.host import YOCTO_GIB, YOCTO_LOCALE, has_locale
from edgeimg.manifest.load import shown
from edgeimg.manifest.product import MIRROR_PATTERN
from edgeimg.plan.plan import Plan, YoctoPlan
from edgeimg.process import run

# No shell's own kas: the one that edgeimg depends on.
KAS = (sys.executable, "-m", "kas")
# With rm_work a recipe's folder goes when it is built.
RM_WORK_GIB = 37.0
# What a task may need when all run at once; a compiler of C++ takes the most.
MEMORY_PER_TASK_GIB = 2
# Microseconds of each second in which some process waits for memory: from a tenth of the time on,
# BitBake begins no further task. There is none for the CPU, of which all tasks may take all.
PRESSURE_MAX_MEMORY = 100_000

UNREACHED = (
    "{0} cannot be reached",
    "Check the network, or set KAS_PREMIRRORS to a mirror of the repositories.",
)
# What a failure of kas is for its user: pattern of a line, message, hint.
KNOWN = (
    (
        re.compile(r"[Cc]ould not resolve host(?:name)?:? (\S+?)(?::|$)"),
        *UNREACHED,
    ),
    (
        re.compile(r"[Uu]nable to access '([^']+)'"),
        *UNREACHED,
    ),
    (
        re.compile(r"(?:connect to host|unable to connect to) ([^\s:]+)"),
        *UNREACHED,
    ),
    (
        # Before it git has said why, if there is a pattern for that.
        re.compile(r"git clone .*-- (\S+) \S+\" failed"),
        "{0} cannot be cloned",
        "See its address in kas/, and whether you may read it.",
    ),
    (
        re.compile(
            r"(?:not our ref|reference is not a tree:?|unable to read tree|--end-of-options) "
            r"([0-9a-f]{40})"
        ),
        "the pinned commit {0} is gone from its repository",
        "Run `edgeimg lock`, or write another commit.",
    ),
    (
        re.compile(r"fatal: (?:remote error|repository '[^']+' not found).*"),
        "a repository is not there",
        "See its address in kas/.",
    ),
    (
        re.compile(r'Branch "(\S+)" cannot be found in repository "(\S+)"'),
        "{1} has no branch {0}",
        "See its address in kas/, and take another branch.",
    ),
    (
        re.compile(r'Branch "(\S+)" in repository "(\S+)" does not contain commit "(\S+)"'),
        "branch {0} of {1} has no commit {2}",
        "Run `edgeimg lock`, or write another commit.",
    ),
    (
        re.compile(r"[Cc]annot connect to (?:the Docker daemon|Podman)"),
        "the container engine cannot be reached",
        "Start it, or build without --container.",
    ),
    (
        re.compile(r"ParseError at \S+/conf/local\.conf:\d+: (.+)"),
        "BitBake does not read the settings: {0}",
        "Mend it in yocto.local_conf of the product, or where kas/ says that it is from.",
    ),
    (
        re.compile(r"TMPDIR has changed location"),
        "build/tmp was made with --container, or without it, and now it is the other way",
        "Build as then, or remove build/tmp.",
    ),
    (
        re.compile(r"No space left on device"),
        "the disk is full",
        "Make room; the next run goes on from here.",
    ),
)


def build(
    plan: Plan, folder: Path, *, offline: bool, report: Report, container: bool = False
) -> Image:
    """Runs kas in the emitted project.

    Args:
        container: in a container, by docker or podman.

    Raises:
        UserError: what cannot work, before BitBake starts.
        InternalError: a task failed; its recipe, its log, its last lines as a note.
    """
    folder = folder.resolve()
    assert plan.yocto is not None
    check_machine(folder, disk=True, rm_work=plan.yocto.rm_work, container=container)
    words = ["build", "kas.yml", "--"]
    _kas(plan, folder, words, offline=offline, report=report, container=container)
    report(Step(name="images"))
    return collect(plan, folder)


def dry_run(
    plan: Plan, folder: Path, *, offline: bool, report: Report, container: bool = False
) -> None:
    """Everything up to the list of tasks: all layers are parsed, every dependency is found.

    Raises:
        UserError, InternalError: as for `build`.
    """
    folder = folder.resolve()
    check_machine(folder, container=container)
    words = ["build", "kas.yml", "--", "-g"]
    _kas(plan, folder, words, offline=offline, report=report, container=container)


def shell(folder: Path) -> tuple[list[str], dict[str, str]]:
    """What opens a shell in which bitbake runs, in the project's folder: words, environment.

    Raises:
        UserError: BitBake cannot run on this machine.
    """
    check_machine(folder)
    return [*KAS, "shell", "kas.yml"], _environment(offline=False)


def command(folder: Path) -> str:
    """What builds the project without edgeimg."""
    return f"cd {shown(folder)} && kas build kas.yml"


def check_machine(
    folder: Path, *, disk: bool = False, rm_work: bool = False, container: bool = False
) -> None:
    """What BitBake would stop at, hours later or in many lines.

    Raises:
        UserError: the user is root, a locale is missing, the path is none for BitBake, the disk
            is too small.
    """
    if os.geteuid() == 0:
        raise UserError(
            "BitBake does not run as root",
            hint="Build as an ordinary user; `edgeimg generate` runs as anybody.",
        )
    if not container and not has_locale(YOCTO_LOCALE):
        raise UserError(
            f"BitBake needs the locale {YOCTO_LOCALE}, and this machine has none",
            hint=f"On Debian: echo '{YOCTO_LOCALE} UTF-8' >> /etc/locale.gen && locale-gen.",
        )
    # oe-core's sanity checks, and `:` between the folders of BBPATH.
    if not container and re.search(r"[+@%:]|[^\x00-\x7f]", str(folder.absolute())):
        raise UserError(
            "BitBake needs a path of ASCII, without any of + @ % :",
            place=shown(folder),
            hint="Name another folder with --project.",
        )
    # Of a build that goes on, much is there already.
    if not disk or (folder / "build/tmp").exists():
        return
    needed = RM_WORK_GIB if rm_work else YOCTO_GIB
    free = shutil.disk_usage(folder).free / (1 << 30)
    if free < needed:
        raise UserError(
            f"a first build needs some {needed:.0f} GiB, and {free:.0f} are free",
            place=shown(folder),
            hint="Make room, name another folder with --project, or take yocto.rm_work: true.",
        )


def _kas(
    plan: Plan, folder: Path, words: list[str], *, offline: bool, report: Report, container: bool
) -> None:
    """Runs kas and follows BitBake's events.

    Raises:
        EdgeimgError: it failed.
    """
    assert plan.yocto is not None
    environment = _environment(offline=offline)
    if offline:
        environment = without_network(plan.yocto, folder, environment)
    kas: Sequence[str] = KAS
    if container:
        environment |= containers.taken()
        kas = containers.command(plan.yocto, environment)
    log = folder / "build" / "edgeimg.log"
    events = EventLog(path=folder / "build" / "events.log", report=report)
    events.path.unlink(missing_ok=True)
    event_log = containers.inside(events.path, folder) if container else events.path
    words = [*words, *_mirror(plan.yocto, folder)]
    said: list[str] = []
    _note_changes(plan, report)
    report(Step(name="layers"))
    with log_file(log) as file:

        def on_line(line: str) -> None:
            file.write(f"{line}\n")
            said.append(line)
            del said[:-200]
            report(Log(line=line))

        done = run(
            [*kas, *words, "--write-log", event_log],
            cwd=folder,
            env=environment,
            check=False,
            on_line=on_line,
            on_tick=events.read,
            on_stop=_stop_bitbake,
        )
    events.read()
    if done.status != 0:
        problem = needs_network(plan, events.failed) if "BB_NO_NETWORK" in environment else None
        raise problem or _failure(events, said, shown(log), folder)


def _mirror(yocto: YoctoPlan, folder: Path) -> list[str]:
    """What lets BitBake heed a SOURCE_MIRROR_URL of our environment, which takes a class besides.

    A product's own comes before it, as with SSTATE_MIRRORS.
    """
    name = "SOURCE_MIRROR_URL"
    named = os.environ.get(name, "")
    if not named or any(name in section for section in yocto.conf.values()):
        return []
    if not re.fullmatch(MIRROR_PATTERN, named):
        raise UserError(
            f"'{named[:80]}' is not an address (http, https or file)",
            place=name,
            hint="Correct the variable, or unset it.",
        )
    content = f'{name} = "{named}"\nINHERIT += "own-mirrors"\n'
    write_atomic(folder / "build" / "mirror.conf", content.encode())
    return ["--postread", "mirror.conf"]


def _note_changes(plan: Plan, report: Report) -> None:
    """Says which of the user's own layers hold what no commit holds: nobody can build it again."""
    assert plan.yocto is not None
    for name, one in plan.yocto.repositories.items():
        if one.folder is None:
            continue
        done = run(["git", "-C", one.folder, "status", "--porcelain", "."], check=False)
        if done.status == 0 and done.stdout:
            count = len(done.stdout.splitlines())
            what = f"{name}: {count} files in {shown(one.folder)} are not committed"
            report(Step(name="note", detail=what))


# Seconds between its two interrupts, and until it is given up.
SECOND_INTERRUPT = 1.0
GIVEN_UP = 20.0


def _stop_bitbake(kas: int) -> None:
    """Interrupts BitBake below kas, twice: at once, not when the running tasks are done.

    kas only ends the part of BitBake that talks to it, and the server would build on.
    """
    try:
        words = Path(f"/proc/{kas}/task/{kas}/children").read_text().split()
    except OSError:
        return
    children = [int(word) for word in words]
    began = time.monotonic()
    interrupts = 0
    while children and time.monotonic() - began < GIVEN_UP:
        if interrupts < 2 and time.monotonic() - began >= interrupts * SECOND_INTERRUPT:
            interrupts += 1
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGINT)
        time.sleep(0.1)
        children = [child for child in children if _runs(child)]


def _runs(process: int) -> bool:
    try:
        # The state follows the name, which may hold anything, in brackets.
        state = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return False
    return state not in ("Z", "X")


# Of our environment, beside what is set here. Not KAS_WORK_DIR and its like, which move the
# build elsewhere.
TAKEN = (
    "BB_HASHSERVE",
    "BB_HASHSERVE_UPSTREAM",
    "BB_NO_NETWORK",
    "BB_PRESSURE_MAX_CPU",
    "BB_PRESSURE_MAX_IO",
    "GITCONFIG_FILE",
    "KAS_CLONE_DEPTH",
    "KAS_PREMIRRORS",
    "SSH_AUTH_SOCK",
    "SSTATE_MIRRORS",
)


def _environment(*, offline: bool) -> dict[str, str]:
    """What kas and BitBake see: our folders, unless the user names others."""
    cache = Cache()
    cpus = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    tasks = max(1, min(cpus, int(memory / MEMORY_PER_TASK_GIB)))
    ours = {
        "DL_DIR": str(cache.folder("yocto-downloads")),
        "SSTATE_DIR": str(cache.folder("yocto-sstate")),
        "BB_HASHSERVE_DB_DIR": str(cache.folder("yocto-sstate")),
        "KAS_REPO_REF_DIR": str(cache.folder("yocto-repositories")),
        "BB_NUMBER_THREADS": str(tasks),
        "PARALLEL_MAKE": f"-j{tasks}",
        "BB_PRESSURE_MAX_MEMORY": str(PRESSURE_MAX_MEMORY),
    }
    named = {name: value for name, value in os.environ.items() if name in {*ours, *TAKEN}}
    if offline:
        named["BB_NO_NETWORK"] = "1"
    return {**plain_environment(), **ours, **named}


def _failure(events: EventLog, said: list[str], log: str, folder: Path) -> EdgeimgError:
    """Why it failed; the last lines are the error's note."""
    if events.failed:
        first = events.failed[0]
        its_log = containers.outside(first.log, folder) if first.log else None
        lines = last_lines(its_log) if its_log else said[-30:]
        where = shown(its_log) if its_log else log
        problem: EdgeimgError = InternalError(
            f"the build failed: {first.recipe}, {first.task}", hint=f"Its log: {where}."
        )
        problem.add_note("\n".join(lines))
        return problem
    for line in reversed(said):
        for pattern, message, hint in KNOWN:
            if found := pattern.search(line):
                return UserError(message.format(*found.groups()), hint=f"{hint} Log: {log}.")
    errors = [one for one in events.errors if one] + [
        found[1]
        for line in said
        if (found := re.search(r"(?:fatal: | ERROR +- |Error: )(.*)", line))
    ]
    # git's own words say more than that its command failed.
    errors.sort(key=lambda one: one.startswith("Command "))
    message = _first_line(errors[0]) if errors else "kas failed"
    problem = InternalError(f"the build failed: {message}", hint=f"Log: {log}.")
    problem.add_note("\n".join(said[-30:]))
    return problem


def _first_line(text: str) -> str:
    """The line that says what is wrong: after the words of the sanity checker, the first."""
    _, _, after = text.partition("potential problems / advisories:")
    return next((line.strip() for line in (after or text).splitlines() if line.strip()), text)
