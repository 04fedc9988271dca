"""Which of a machine's GPUs CUDA_VISIBLE_DEVICES leaves, as CUDA reads it (CUDA C++ Programming Guide, Environment Variables)."""

import re
from collections.abc import Mapping
from typing import NamedTuple

VARIABLE, ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"


class Board(NamedTuple):
    """A GPU that this user may open, in the order of the PCI bus, with what it is cut into (MIG), if it is."""

    where: str
    name: str
    uuid: str
    slices: dict[str, str] = {}  # gpu:N.K -> UUID


class Ambiguous(ValueError):
    """CUDA's own numbers, where nobody but CUDA knows which GPUs they mean."""


def left(boards: list[Board], environment: Mapping[str, str]) -> set[str]:
    """The gpu:N and gpu:N.K that are left to this process. Raises Ambiguous.

    Entries are numbers, UUIDs or beginnings of them, and MIG's names. From the first on that means nothing CUDA reads no further, so that an
    empty value or -1 leaves none. Of a board that is cut CUDA counts the first slice alone; by its own name each can be had.
    """
    value = environment.get(VARIABLE)
    if value is None:
        return {where for board in boards for where in board.slices or {board.where: board.uuid}}
    found: list[str] = []
    for entry in (entry.strip() for entry in value.split(",")):
        if (where := _meant(entry, boards)) is None:
            break
        found.append(where)
    if _counts_as_cuda(value, boards, environment) and len(set(found)) < len(boards):
        raise Ambiguous(
            f"{VARIABLE}={value} counts as CUDA does, the fastest GPU first, and these GPUs differ: set {ORDER}=PCI_BUS_ID to count as "
            "nvidia-smi does, or name the GPU by its UUID (nvidia-smi -L)"
        )
    return set(found)


def _meant(entry: str, boards: list[Board]) -> str | None:
    if re.fullmatch(r"\d+", entry):
        return _first(boards[int(entry)]) if int(entry) < len(boards) else None
    slices = {uuid: where for board in boards for where, uuid in board.slices.items()}
    if entry in slices:
        return slices[entry]
    same = [board for board in boards if len(entry) > len("GPU-") and board.uuid.startswith(entry)]
    return _first(same[0]) if len(same) == 1 else None


def _first(board: Board) -> str:
    return next(iter(board.slices), board.where)


def _counts_as_cuda(value: str, boards: list[Board], environment: Mapping[str, str]) -> bool:
    """Whether there is a number whose meaning depends on which GPU CUDA takes for the fastest."""
    has_number = re.match(r"\s*\d", value) or re.search(r",\s*\d", value)
    return bool(has_number) and environment.get(ORDER) != "PCI_BUS_ID" and len({board.name for board in boards}) > 1
