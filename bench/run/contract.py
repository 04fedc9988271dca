"""What the bench expects of an adapter and of a network that it loads: docs/add-a-framework.rst in types. `make lint` holds every adapter to it."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

Arrays = tuple[np.ndarray, ...]


class Network(Protocol):
    """A network on its device."""

    def feed(self, batches: Sequence[Arrays], /) -> None:
        """What `run` takes in turn."""

    def run(self) -> None:
        """Queue one call."""

    def wait(self) -> None:
        """Wait until the device is done."""

    def answers(self, inputs: Arrays, /) -> Arrays:
        """What it answers, the batch first."""


class Adapter(Protocol):
    """A framework."""

    @property
    def packages(self) -> tuple[str, ...]:
        """Any of these is the framework."""

    @property
    def libraries(self) -> tuple[str, ...]:
        """Further ones whose version is recorded."""

    @property
    def install(self) -> str:
        """How to get it."""

    @property
    def modes(self) -> tuple[str, ...]:
        """How it can run a network, the usual way first."""

    @property
    def precisions(self) -> tuple[str, ...]:
        """Number formats, float32 first."""

    @property
    def models(self) -> Any:
        """Task -> display name -> the framework's own id, or a function that gives it."""

    def input_shape(self, task: str, model: str, size: int | None = None) -> tuple[int, ...]:
        """Of one input, without the batch."""

    def environment(self, threads: int) -> dict[str, str]:
        """Variables that must be set before the import."""

    def start(self, device: str = "cpu") -> object:
        """Import the framework."""

    @property
    def load(self) -> Callable[..., Network]:
        """The network on the device."""
