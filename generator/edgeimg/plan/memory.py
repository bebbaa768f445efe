"""Whether the models fit the board's memory and its medium."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edgeimg.catalog.runtimes import Runtime
from edgeimg.errors import UserError
from edgeimg.manifest.board import Board, BuildrootBoard, DebianBoard, YoctoBoard
from edgeimg.manifest.load import Source, shown
from edgeimg.manifest.product import Product
from edgeimg.model.info import ModelInfo
from edgeimg.plan.buildroot import ESP_MIB, slot_mib
from edgeimg.plan.chosen import Chosen
from edgeimg.plan.plan import PlannedModel, PlannedRuntime

MIB = 1 << 20
# What the boot partition and the root file system need beside the data partition.
SYSTEM_MIB = 64
TIGHT = 0.8  # of the memory; above that it is worth a word


def fit_memory(
    chosen: Chosen, models: tuple[PlannedModel, ...], runtime: PlannedRuntime
) -> tuple[str, ...]:
    """Holds system, runtime and models against the board's RAM and its medium.

    What is certainly needed is an error when there is less: what the smallest product was
    measured to need, each model's file, and its live tensors. Runtimes keep packed copies of
    weights beside that, so a file is counted twice for the note.

    Returns:
        Notes for the user: that it is tight, or cannot be known.

    Raises:
        UserError: it cannot fit.
    """
    _, entry = chosen.catalog.load("runtime", runtime.name, Runtime)
    base = _base_mib(entry, chosen.builder)
    files = sum(model.info.size for model in models)
    least = least_mib(entry, chosen.builder, [model.info for model in models])
    board, place = chosen.board, chosen.source.place(("models",))
    parts = f"system and {runtime.name} {base} MiB, " if base else ""
    counted = f"{parts}model files {files / MIB:.1f} MiB, and their live tensors"
    if least > board.memory_mib:
        raise UserError(
            f"{least:.0f} MiB of memory are needed at least ({counted}), and {board.name} has "
            f"{board.memory_mib} MiB",
            place=place,
            hint=f"Take a smaller model, or see memory_mib in {shown(chosen.board_path)}.",
        )
    _fit_medium(chosen, files / MIB, place)
    likely = least + files / MIB
    notes = [f"model {one.name}: {unknown}" for one in models if (unknown := _unknown(one.info))]
    if likely > TIGHT * board.memory_mib:
        notes.append(
            f"memory is tight: some {likely:.0f} MiB of {board.memory_mib} MiB ({counted}, and "
            "the runtime's own copy of the weights)"
        )
    return tuple(notes)


def least_mib(runtime: Runtime, builder: str, models: Iterable[ModelInfo]) -> float:
    """What is certainly needed: the system, the model files, and their live tensors."""
    return _base_mib(runtime, builder) + sum(one.size + one.peak_live_bytes for one in models) / MIB


def _base_mib(runtime: Runtime, builder: str) -> int:
    measured = runtime.memory.get(builder)
    return measured.mib if measured else 0


def fit_partitions(
    product: Product,
    source: Source,
    board: Board,
    board_path: Path,
    serves: DebianBoard | BuildrootBoard | YoctoBoard,
    models: tuple[PlannedModel, ...],
) -> None:
    """Holds the data partition, beside the system's, against the board's medium.

    Raises:
        UserError: it does not fit, or the partitions are not ours to make.
    """
    place = source.place(("data_mib",))
    if isinstance(serves, YoctoBoard):
        if "data_mib" in product.model_fields_set:
            raise UserError(
                f"data_mib: the partitions of {board.name} are those of its layer with yocto",
                place=place,
                hint="Leave it out, or set WKS_FILE in yocto.local_conf.",
            )
        return
    if isinstance(serves, BuildrootBoard) and serves.disk is not None:
        # Upstream's scripts make the partitions, and none of them is for data.
        if "data_mib" in product.model_fields_set:
            raise UserError(
                f"data_mib: {board.name} has no data partition of ours: upstream's scripts make "
                f"{serves.disk}",
                place=place,
                hint="Leave it out; BR2_TARGET_ROOTFS_EXT2_SIZE in buildroot.config is the size "
                "of the root file system, which keeps what is written to it.",
            )
        return
    ours = isinstance(serves, BuildrootBoard)
    system = ESP_MIB + 2 * slot_mib(models) if ours else SYSTEM_MIB
    if product.data_mib + system >= board.storage_mib:
        raise UserError(
            f"data_mib: {product.data_mib} MiB of data and some {system} MiB of system do not "
            f"fit the {board.storage_mib} MiB of {board.name}",
            place=place,
            hint=f"Take less or smaller models, or see storage_mib in {shown(board_path)}.",
        )


def _fit_medium(chosen: Chosen, files_mib: float, place: str) -> None:
    if files_mib > chosen.board.storage_mib:
        raise UserError(
            f"the model files are {files_mib:.0f} MiB, and the medium of {chosen.board.name} has "
            f"{chosen.board.storage_mib} MiB",
            place=place,
            hint=f"Take a smaller model, or see storage_mib in {shown(chosen.board_path)}.",
        )


def _unknown(info: ModelInfo) -> str:
    """What of its memory cannot be known from the file."""
    open_ones = info.open_operators
    if not open_ones:
        return ""
    named = ", ".join(open_ones[:3]) + (" ..." if len(open_ones) > 3 else "")
    return f"sizes at {named} are open in the file, so its live tensors are not all counted"
