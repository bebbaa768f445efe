"""deploy, deploy-key: a new model or app for a running device."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeimg.cli import options
from edgeimg.cli.draw import Drawer, Format, colored
from edgeimg.cli.plan import resolved
from edgeimg.errors import UserError

if TYPE_CHECKING:
    from edgeimg.deploy.bundle import Bundle
    from edgeimg.deploy.keys import SecretKey
    from edgeimg.deploy.send import Outcome
    from edgeimg.events import Report
    from edgeimg.manifest.select import Selection

MAX_SIGNATURE = 4096


def add_to(app: typer.Typer) -> None:
    app.command()(deploy)
    app.command("deploy-key")(deploy_key)


def deploy_key(
    path: Annotated[Path, typer.Argument(help="Where to write it; the public one: beside, .pub.")],
) -> None:
    """Make the key pair that signs what is deployed. The secret one belongs into no project."""
    from edgeimg.deploy.keys import new_key, public_path
    from edgeimg.manifest.load import shown

    key = new_key(path)
    print(f"{shown(path)} signs; keep it secret. {shown(public_path(path))} is public.")
    print(f"In edgeimg.yaml:\nfeatures:\n  deploy: {{keys: [{key.public}]}}")


def deploy(
    context: typer.Context,
    bundle: Annotated[
        Path | None,
        typer.Argument(help="A bundle made before, with its signature beside it (.minisig)."),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="The device, ssh://[user@]host[:port].")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", envvar="EDGEIMG_DEPLOY_KEY", help="Secret key that signs."),
    ] = None,
    app: Annotated[
        Path | None, typer.Option("--app", help="A new edge-infer too, as it was compiled.")
    ] = None,
    bundle_only: Annotated[
        Path | None,
        typer.Option("--bundle-only", help="Write the bundle there, signed if there is a key."),
    ] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Back to what ran before the last one.")
    ] = False,
    file: options.File = None,
    board: options.Board = None,
    model: options.Models = None,
    builder: options.Builder = None,
    settings: options.Settings = None,
    time_limit: Annotated[
        float, typer.Option("--time-limit", min=1, help="Seconds for the device.")
    ] = 600,
    verbose: options.Verbose = False,
    output: options.Output = Format.text,
) -> None:
    """Put the product's models onto a running device. Checked, tried, kept or taken back."""
    from edgeimg.deploy.send import roll_back, send
    from edgeimg.guest.ssh import parse_target

    device = parse_target(target, "--target") if target else None
    _check_options(bundle, target, key, app, bundle_only, rollback=rollback)
    if bundle or rollback:
        what = "a bundle that is made already" if bundle else "--rollback"
        options.refuse(context, ("file", "board", "model", "builder", "settings", "key"), what)
    began = time.monotonic()
    with Drawer(output, logs=verbose) as drawer:
        if rollback:
            assert device is not None
            outcome = roll_back(device, report=drawer.report, time_limit=time_limit)
        else:
            if bundle is not None:
                data, signature = _read(bundle)
            else:
                chosen = options.selection(file, board, model, builder, settings)
                secret = _secret(key)
                made = _make(chosen, app, key, drawer.report)
                data = made.data
                signature = secret.sign(data, made.comment) if secret else ""
                if bundle_only is not None:
                    _write(bundle_only, data, signature, made, output, drawer)
                    return
            assert device is not None
            outcome = send(device, data, signature, report=drawer.report, time_limit=time_limit)
    seconds = time.monotonic() - began
    if output is Format.text:
        _print(outcome, str(device), seconds)
    drawer.result({**vars(outcome), "target": str(device), "seconds": round(seconds, 3)})
    if outcome.kind != "deployed":
        raise typer.Exit(1)


def _check_options(
    bundle: Path | None,
    target: str | None,
    key: Path | None,
    app: Path | None,
    bundle_only: Path | None,
    *,
    rollback: bool,
) -> None:
    """Before the work.

    Raises:
        UserError: something is missing, or two things exclude each other.
    """
    if rollback and (bundle or app or bundle_only):
        raise UserError("takes no bundle and no app", place="--rollback")
    if bundle and (app or bundle_only):
        other = "--app" if app else "--bundle-only"
        raise UserError("makes a bundle, and one is given already", place=other)
    if bundle_only:
        if key and bundle_only.resolve() == key.resolve():
            raise UserError("would overwrite the secret key", place="--bundle-only")
        if target:
            raise UserError("writes a file and sends nothing", place="--bundle-only")
        return
    if not target:
        raise UserError("no device is named", place="--target", hint="Try ssh://root@192.0.2.7.")
    if not (rollback or bundle or key):
        raise UserError(
            "no key is named",
            place="--key",
            hint="`edgeimg deploy-key FILE` makes one; the image must know its public one.",
        )


def _make(chosen: Selection, app: Path | None, key: Path | None, report: Report) -> Bundle:
    """The product's bundle.

    Raises:
        UserError: the models are not right, or the key lies where it does not belong.
    """
    from edgeimg.cache import Cache
    from edgeimg.deploy.bundle import make_bundle
    from edgeimg.manifest.load import shown
    from edgeimg.prepare.compile import compile_models
    from edgeimg.prepare.golden import make_goldens

    plan = resolved(chosen)
    for folder in (plan.overlay, chosen.project):
        if key and folder and key.resolve().is_relative_to(folder.resolve()):
            raise UserError(
                "a secret key does not belong into an image or a project",
                place=shown(key),
                hint="Move it, and take another one when anybody had it.",
            )
    goldens = make_goldens(plan, Cache(), report)
    return make_bundle(plan, goldens, compile_models(plan, Cache(), report), app)


def _secret(key: Path | None) -> SecretKey | None:
    """What signs; read before the work, which may be long."""
    if key is None:
        return None
    from edgeimg.deploy.keys import read_key

    return read_key(key)


def _read(bundle: Path) -> tuple[bytes, str]:
    """A bundle and its signature.

    Raises:
        UserError: one of them cannot be read, or the signature is none.
    """
    from edgeimg.manifest.load import shown

    beside = _signature_of(bundle)
    try:
        data = bundle.read_bytes()
        with beside.open("rb") as stream:
            # In UTF-8: by default minisign's trusted comment has the file's name.
            signature = stream.read(MAX_SIGNATURE).decode(errors="replace")
    except OSError as error:
        name = Path(error.filename or bundle)
        hint = f"Sign it: minisign -Sm {shown(bundle)}." if name == beside else ""
        raise UserError(f"cannot be read: {error.strerror}", place=shown(name), hint=hint) from None
    if not signature.startswith("untrusted comment:") or "\0" in signature:
        raise UserError(
            "is no signature of minisign",
            place=shown(beside),
            hint=f"Sign it: minisign -Sm {shown(bundle)}.",
        )
    return data, signature


def _signature_of(bundle: Path) -> Path:
    return bundle.parent / f"{bundle.name}.minisig"


def _write(
    path: Path, data: bytes, signature: str, made: Bundle, output: Format, drawer: Drawer
) -> None:
    """The bundle, and its signature if there is one."""
    from edgeimg.cache import write_atomic
    from edgeimg.manifest.load import shown

    beside = _signature_of(path)
    try:
        write_atomic(path, data)
        if signature:
            write_atomic(beside, signature.encode())
        else:
            beside.unlink(missing_ok=True)  # that of an older one
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", place=shown(path)) from None
    if output is Format.text:
        print(f"{len(data) / 1e6:8.1f} MB  {shown(path)}  ({made.id} for {made.fits})")
        if not signature:
            print(f"It is not signed: `minisign -Sm {shown(path)}` does, or --key.")
    drawer.result(
        {
            "bundle": str(path),
            "signature": str(beside) if signature else None,
            "id": made.id,
            "fits": made.fits,
            "models": list(made.models),
            "bytes": len(data),
        }
    )


def _print(outcome: Outcome, where: str, seconds: float) -> None:
    from edgeimg.deploy.send import IMAGE

    match outcome.kind:
        case "deployed":
            what = "the image's own" if outcome.text == IMAGE else outcome.text
            word = colored("runs", "green", sys.stdout)
            print(f"{what} {word} on {where}, after {seconds:.1f} s")
        case "refused":
            word = colored("REFUSED", "red", sys.stdout)
            print(f"{word} by {where}, nothing was changed: {outcome.text}")
        case "back":
            word = colored("TAKEN BACK", "red", sys.stdout)
            print(f"{word} by {where}, what ran before runs again: {outcome.text}")
