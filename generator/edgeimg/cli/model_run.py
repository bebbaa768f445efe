"""model run: the host's own answers, by the manifest's pre- and postprocessing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeimg.cli import options
from edgeimg.cli.draw import Drawer, Format
from edgeimg.errors import UserError

if TYPE_CHECKING:
    from edgeimg.plan.plan import PlannedModel
    from edgeimg.prepare.hosts import Host

Manifest = Annotated[
    str, typer.Argument(help="A model, by name or path of its manifest.", show_default=False)
]


def run(
    model: Manifest,
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--input", "-i", help="Picture or raw tensors; may be repeated. Default: the samples."
        ),
    ] = None,
    runtime: Annotated[
        str | None, typer.Option("--runtime", help="Default: the first that reads the format.")
    ] = None,
    kernels: Annotated[
        str, typer.Option("--kernels", help="Kernel mode: default or reference.")
    ] = "default",
    output: options.Output = Format.text,
) -> None:
    """Run a model on this machine. JSON lines as edge-infer writes them."""
    from edgeimg.cache import Cache
    from edgeimg.plan.models import plan_model
    from edgeimg.prepare.hosts import find_host

    catalog = options.catalogue()
    planned = plan_model(catalog.find("model", model), Cache().folder("models"), catalog)
    name, interpreter = _host_of(catalog, runtime, planned.info.format)
    host = find_host(interpreter, wanted=None)
    _check_operators(catalog, planned, name, host)
    frames = _frames(planned, host, inputs or [], kernels)
    if output is Format.text:
        for frame in frames:
            print(json.dumps(frame, ensure_ascii=False, separators=(",", ":")))
    Drawer(output).result(
        {
            "model": planned.name,
            "host": f"{host.package} {host.version}",
            "kernels": kernels,
            "frames": frames,
        }
    )


def _host_of(catalog: Any, name: str | None, model_format: str) -> tuple[str, str]:
    """The runtime, or the first that reads the format, and its host interpreter."""
    from edgeimg.catalog.runtimes import Runtime

    for each in [name] if name else catalog.names("runtime"):
        _, entry = catalog.load("runtime", each, Runtime, place="--runtime" if name else "")
        if model_format in entry.formats:
            return each, str(entry.host)
    what = f"runtime {name} does not execute" if name else "no runtime executes"
    raise UserError(f"{what} {model_format} models", hint="See catalog/runtimes.")


def _check_operators(catalog: Any, model: PlannedModel, runtime: str, host: Host) -> None:
    """What the release has not is told here: the interpreter's own words are of no help."""
    from edgeimg.catalog.operators import OperatorLists
    from edgeimg.errors import UserErrors
    from edgeimg.manifest.load import shown
    from edgeimg.plan.coverage import coverage

    found = coverage(model.info, OperatorLists(catalog), runtime, host.version)
    if found.fatal:
        place = shown(model.path)
        raise UserErrors([UserError(str(gap), place=place, hint=gap.hint) for gap in found.fatal])


def _frames(
    model: PlannedModel, host: Host, inputs: list[Path], kernels: str
) -> list[dict[str, Any]]:
    from edgeimg.manifest.load import shown
    from edgeimg.prepare.postprocess import answers
    from edgeimg.prepare.preprocess import frame_of

    paths = inputs or [sample.path for sample in model.samples]
    fed = [frame_of(_content(path), model.inputs, place=shown(path)) for path in paths]
    made = host.run(
        model.path,
        model.info.sha256,
        [each.tensor for each in model.inputs],
        [each.tensor for each in model.outputs],
        fed,
        kernels,
    )
    return [
        {"frame": path.name, "outputs": answers(raw, model.outputs)}
        for path, raw in zip(paths, made, strict=True)
    ]


def _content(path: Path) -> bytes:
    """A sample; pipes may give one too, a device would never end."""
    from edgeimg.manifest.load import shown
    from edgeimg.plan.models import MAX_SAMPLE_BYTES

    with path.open("rb") as stream:
        content = stream.read(MAX_SAMPLE_BYTES + 1)
    if len(content) > MAX_SAMPLE_BYTES:
        raise UserError("is larger than 64 MiB", place=shown(path), hint="Use a small one.")
    return content
