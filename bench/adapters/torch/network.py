"""A network of PyTorch in its process: what it is fed with, and what runs it."""

import torch

from bench.adapters.torch import COMPILED


def allow_tf32(allowed: bool) -> None:
    """In products of matrices and in convolutions, by both of PyTorch's switches: what is compiled for the one reads the other."""
    if hasattr(torch.backends.cudnn, "fp32_precision"):  # since 2.9; first, since the older one is not read while they differ
        torch.backends.cudnn.fp32_precision = "tf32" if allowed else "none"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


class Network:
    """Eager or compiled: what is called, and how its inputs lie in memory."""

    def __init__(self, module, device, precision: str, mode: str):
        self.device, self.precision, self.mode = device, precision, mode
        self.dtype = self.low or torch.float32
        self.layout = torch.contiguous_format if mode == "eager-nchw" else torch.channels_last
        self.module = module.to(device=device, dtype=self.dtype, memory_format=self.layout)
        self.call = torch.compile(self.module, dynamic=False, mode=COMPILED[mode]) if mode in COMPILED else self.module
        self._batches: list[tuple] = []
        self._has_run = False

    @property
    def low(self):
        """The 16-bit format of its precision, if that is one."""
        return {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(self.precision)

    def feed(self, batches) -> None:
        """What `run` takes in turn, on the device: tuples of arrays, (batch, …); in training the last array holds the labels."""
        self._forget()
        self._batches = [tuple(map(self._tensor, arrays)) for arrays in batches]

    def feed_repeated(self, batches, count: int) -> None:
        """The same, with the items of each array again and again until there are `count`: on the device, which has the room and the speed for it."""
        self._forget()
        self._batches = [tuple(self._repeated(self._tensor(array), count) for array in arrays) for arrays in batches]

    def _repeated(self, tensor, count: int):
        return self._laid_out(tensor[torch.arange(count, device=tensor.device) % len(tensor)])

    def run(self) -> None:
        """Queue one call."""
        self._batches.append(self._batches.pop(0))
        self._call()
        if not self._has_run and self.device.type == "cuda":  # what choosing algorithms takes is not what the network needs
            _count_memory_anew()
        self._has_run = True

    def _call(self) -> None:
        with self.quiet():
            self.call(*self._batches[0])

    def wait(self) -> None:
        """Wait until the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def answers(self, inputs) -> tuple:
        """All that the network answers to these arrays, (batch, …): of a classifier its logits, (batch, classes)."""
        self._set_precision()
        with self.quiet():
            found = self._answer(tuple(map(self._tensor, inputs)))
        return tuple(answer.float().cpu().numpy() for answer in (found if isinstance(found, (tuple, list)) else (found,)))

    def _answer(self, inputs):
        return self.call(*inputs)

    def _tensor(self, array):
        """An array on the device; numbers that are not whole in the network's format, and images in its layout."""
        tensor = torch.from_numpy(array)
        return self._laid_out(tensor.to(device=self.device, dtype=self.dtype if tensor.is_floating_point() else None))

    def _laid_out(self, tensor):
        return tensor.contiguous(memory_format=self.layout) if tensor.ndim == 4 else tensor

    def _set_precision(self) -> None:
        """Float32 means float32: TF32 is a precision of its own here. For all networks of this process, so anew before each is called."""
        allow_tf32(self.precision == "tf32")

    def quiet(self):
        """Without gradients; what is compiled knows no inference mode."""
        return torch.no_grad() if self.mode in COMPILED else torch.inference_mode()

    def _forget(self) -> None:
        """What was compiled and fed for another batch size, and its memory."""
        self._set_precision()
        self._batches, self._has_run = [], False
        if self.mode in COMPILED:
            torch._dynamo.reset()  # else the ninth batch size would be one too many for it
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def events(self):
        """On a GPU: what marks a place in the device's queue, and the seconds between two marks."""
        if self.device.type != "cuda":
            return None

        def mark():
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            return event

        return mark, lambda first, last: first.elapsed_time(last) / 1_000

    def compilations(self):
        """What tells how often the compiler has made a graph so far."""
        if self.mode not in COMPILED:
            return lambda: 0
        from torch._dynamo.utils import counters

        return lambda: counters["stats"]["unique_graphs"]

    def allocator_peak_mb(self) -> float | None:
        """Peak of PyTorch's allocator on the GPU since the batch size was fed."""
        return torch.cuda.max_memory_allocated() / 2**20 if self.device.type == "cuda" else None

    def own_timer(self) -> float:
        """Seconds of one call, as PyTorch's own tool times it with its defaults: the median of blocks over 0.2 s."""
        from torch.utils.benchmark import Timer

        return Timer("run()", globals={"run": self.run}, num_threads=torch.get_num_threads()).blocked_autorange().median


class Graphs(Network):
    """Each call is a CUDA graph that is replayed."""

    def _forget(self) -> None:
        self.graphs: list[tuple] = []  # graph, its inputs and its answers
        super()._forget()

    def run(self) -> None:
        """Replay one; the first call, which is timed apart, captures them."""
        if not self.graphs:
            for inputs in self._batches:
                self.graphs.append(self._captured(inputs))
        self.graphs.append(self.graphs.pop(0))
        self.graphs[0][0].replay()

    def _answer(self, inputs):
        if not self.graphs or [array.shape for array in self.graphs[0][1]] != [array.shape for array in inputs]:
            return self.call(*inputs)
        graph, own, answers = self.graphs[0]
        for place, array in zip(own, inputs):
            place.copy_(array)
        graph.replay()
        return answers

    def _captured(self, inputs) -> tuple:
        """A CUDA graph of one call, with the memory of its inputs and of its answers."""
        if not self.graphs:  # the others are of the same shapes, and calls of theirs would take memory beside the graphs' own
            self._warm_up(inputs)
            _count_memory_anew()
        graph = torch.cuda.CUDAGraph()
        pool = self.graphs[0][0].pool() if self.graphs else None  # one replays after the other, so they can share their memory
        with torch.cuda.graph(graph, pool=pool), self.quiet():
            answers = self.call(*inputs)
        return graph, inputs, answers

    def _warm_up(self, inputs) -> None:
        """What a capture can't hold, such as choosing algorithms, happens before it."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside), self.quiet():
            for _ in range(3):
                self.call(*inputs)
        torch.cuda.current_stream().wait_stream(aside)


class Trained(Network):
    """A network that learns: a call is a step. Its weights are float32, and autocast casts where the precision is lower."""

    def __init__(self, module, device, precision: str, mode: str):
        super().__init__(module, device, "tf32" if precision == "tf32" else "float32", mode)
        self.precision = precision
        self.module.train()

    def feed(self, batches) -> None:
        """As Network's."""
        super().feed(batches)
        on_gpu = self.device.type == "cuda"
        # On a GPU one kernel updates all weights, the fastest of PyTorch's three ways; on a CPU its own default stays.
        self._optimizer = torch.optim.SGD(self.module.parameters(), lr=0.001, momentum=0.9, fused=on_gpu or None)
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "float16")
        self._last = torch.tensor(float("nan"))

    def _call(self) -> None:
        """One step: forward, backward, update."""
        *inputs, labels = self._batches[0]
        self._optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, dtype=self.low, enabled=self.low is not None):
            loss = torch.nn.functional.cross_entropy(self.call(*inputs), labels)
        self._scaler.scale(loss).backward()
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._last = loss.detach()

    def begin_chance_anew(self) -> None:
        """What dropout leaves out from here on is always the same."""
        torch.manual_seed(0)

    def loss(self) -> float:
        """The cross-entropy of the last step."""
        return self._last.item()


def _count_memory_anew() -> None:
    """Count the allocator's memory from here on."""
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
