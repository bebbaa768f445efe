"""What the fixtures `guest` and `golden` give: a product that runs somewhere, and its answers."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

from edgeimg.cache import Cache
from edgeimg.errors import EdgeimgError, UserError, did_you_mean
from edgeimg.events import Event, Step
from edgeimg.guest.device import Device, open_device, refusal, shipped_script
from edgeimg.guest.results import read_results
from edgeimg.guest.running import SSH, running
from edgeimg.guest.status import Status, ask_status
from edgeimg.manifest.select import select
from edgeimg.plan.plan import Plan, PlannedModel
from edgeimg.plan.resolve import resolve
from edgeimg.prepare.golden import Golden, make_goldens
from edgeimg.verify.run import verify_device, verify_guest
from edgeimg.verify.verdict import Verdict

if TYPE_CHECKING:
    import numpy as np

    from edgeimg.guest.machine import Artefacts

QEMU = "qemu"
_LOG = logging.getLogger("edgeimg")


@contextmanager
def shown() -> Iterator[None]:
    """An error that a user can mend fails the test with its one line, without a traceback."""
    try:
        yield
    except EdgeimgError as error:
        # `from None`: it is not shown a second time.
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def _report(event: Event) -> None:
    if isinstance(event, Step):
        _LOG.info("%s %s", event.name, event.detail)


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A command that the guest ran."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Inference:
    """What the guest answers to one sample.

    Attributes:
        outputs: the output tensors, in the model's order, with the model's types and shapes.
        answer: the JSON line of the app.
    """

    outputs: tuple[np.ndarray[Any, Any], ...] = field(repr=False)
    answer: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class GoldenAnswer:
    """What the host answers to one sample.

    Attributes:
        path: the sample's file here.
        label: what it truly is, if that is known.
        answer: the label of the largest value; None without a ranked output.
        outputs: as of `Inference`.
    """

    path: Path
    label: str | None
    answer: str | None
    outputs: tuple[np.ndarray[Any, Any], ...] = field(repr=False)


class Project:
    """The product and its plan.

    Args:
        file: the product's file; None: edgeimg.yaml here or above.

    Raises:
        UserError: there is none, or it does not fit together.
    """

    def __init__(self, file: Path | None) -> None:
        self.chosen = select(file=file)
        self.plan: Plan = resolve(self.chosen.product, self.chosen.source, Cache().folder("models"))

    @cached_property
    def goldens(self) -> tuple[Golden, ...]:
        """What the host answers."""
        return make_goldens(self.plan, Cache(), _report)

    @cached_property
    def artefacts(self) -> Artefacts:
        """The built image."""
        from edgeimg.builders.image import holding
        from edgeimg.cli.build import built
        from edgeimg.cli.verify import artefacts_of, check_bootable

        check_bootable(self.plan)
        folder = self.chosen.project
        # Sessions beside this one, as pytest-xdist has them, wait; the next finds all built.
        key = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
        with Cache().lock("projects", key), holding(folder):
            image = built(
                self.chosen, self.plan, folder, locked=False, offline=False, report=_report
            )
        return artefacts_of(image)

    def model(self, name: str) -> PlannedModel:
        """One model of the product.

        Raises:
            UserError: it has none of that name.
        """
        found = {one.name: one for one in self.plan.models}
        if name not in found:
            hint = did_you_mean(name, list(found))
            raise UserError(f"the product has no model '{name}'", hint=hint)
        return found[name]


class Guest:
    """The product, running.

    Attributes:
        target: `qemu`, or the device.
        plan: what the product is made of.

    In QEMU it is built and booted when a test first needs it. What a method cannot do fails
    the test with one line.
    """

    def __init__(self, project: Project, target: str) -> None:
        self.target = target
        self.plan = project.plan
        self._project = project
        self._stack = ExitStack()
        self._device = None if target == QEMU else open_device(target, "--edgeimg-target")

    def __enter__(self) -> Guest:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def __repr__(self) -> str:
        return f"<{self.plan.product} on {self.target}>"

    def run(self, command: str, *, input: bytes = b"", timeout: float = 60) -> Ran:
        """Run a shell command; its output is text, without control characters."""
        with shown():
            answer = self._there().run(command, input=input, timeout=timeout)
            return Ran(status=answer.status, out=answer.text, err=answer.stderr.strip())

    def infer(
        self, model: str, sample: Path | bytes, *, mode: str = "default", timeout: float = 120
    ) -> Inference:
        """Run a model over one sample: a file of here, or its bytes.

        Args:
            mode: the kernels, `default` or `reference`.
        """
        with shown():
            return self._infer(self._project.model(model), sample, mode, timeout)

    def verdict(self, *, timeout: float = 600) -> Verdict:
        """What `edgeimg verify` says; in QEMU the image is booted anew for it."""
        with shown():
            if self.target != QEMU:
                return verify_device(
                    self.plan, self._there(), self._project.goldens, time_limit=timeout
                )
            return verify_guest(
                self.plan, self._project.artefacts, self._project.goldens, time_limit=timeout
            )

    def status(self) -> Status:
        """What `edgeimg status` says."""
        with shown():
            return ask_status(self._there())

    def _there(self) -> Device:
        if self._device is None:
            self._device = self._booted()
        return self._device

    def _booted(self) -> Device:
        if not any(SSH in feature.ports for feature in self.plan.features):
            raise UserError(
                "the image has no SSH server, and `guest` in QEMU comes in by SSH",
                place=str(self._project.chosen.source.path),
                hint="Add the feature ssh; `golden` and `guest.verdict()` work without.",
            )
        qemu = self.plan.board.machine
        if qemu is None:
            raise UserError(
                f"the board {self.plan.board.name} has no QEMU machine",
                hint="Name a device with --edgeimg-target.",
            )
        return self._stack.enter_context(running(qemu, self._project.artefacts, report=_report))

    def _infer(
        self, model: PlannedModel, sample: Path | bytes, mode: str, timeout: float
    ) -> Inference:
        # The app tells formats by their content, and raw frames by the name's end.
        name = "sample" if isinstance(sample, bytes) else f"sample{sample.suffix}"
        data = sample if isinstance(sample, bytes) else sample.read_bytes()
        words = [model.name, mode, name]
        there = self._there()
        answer = there.run(shipped_script("infer"), words, input=data, timeout=timeout)
        if answer.status:
            raise refusal(answer, f"{model.name} does not run", there)
        ran = read_results(answer.stdout).runs[model.name, mode]
        if ran.status or not ran.lines:
            said = ran.stderr.strip().splitlines()[-1:] or ["without a word"]
            raise UserError(f"edge-infer ended with status {ran.status}: {said[0]}", place=name)
        found = [ran.raw.get((name, index)) for index in range(len(model.outputs))]
        return Inference(
            outputs=_arrays(model, [data or b"" for data in found]), answer=json.loads(ran.lines[0])
        )


class Goldens(Mapping[tuple[str, str], Mapping[str, GoldenAnswer]]):
    """(model, mode) -> sample -> what the host answers."""

    def __init__(self, project: Project) -> None:
        self._found: dict[tuple[str, str], dict[str, GoldenAnswer]] = {}
        for golden in project.goldens:
            model = project.model(golden.model)
            paths = {sample.name: sample.path for sample in model.samples}
            self._found[golden.model, golden.mode] = {
                sample.name: GoldenAnswer(
                    path=paths[sample.name],
                    label=sample.label,
                    answer=sample.answer,
                    outputs=_arrays(model, sample.outputs),
                )
                for sample in golden.samples
            }

    def __getitem__(self, key: tuple[str, str]) -> Mapping[str, GoldenAnswer]:
        if key not in self._found:
            known = ", ".join(" ".join(one) for one in self._found)
            raise KeyError(f"no golden outputs of {key!r}. There are: {known}")
        return self._found[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _arrays(
    model: PlannedModel, outputs: list[bytes] | tuple[bytes, ...]
) -> tuple[np.ndarray[Any, Any], ...]:
    import numpy as np

    arrays = []
    for data, output in zip(outputs, model.outputs, strict=True):
        tensor = output.tensor
        kind = np.dtype(tensor.type).newbyteorder("<")
        if not data or len(data) % kind.itemsize:
            raise UserError(f"{model.name} gave {len(data)} bytes as output {tensor.name}")
        array = np.frombuffer(data, kind)
        fits = all(size > 0 for size in tensor.shape) and array.size == np.prod(tensor.shape)
        arrays.append(array.reshape(tensor.shape) if fits else array)
    return tuple(arrays)
