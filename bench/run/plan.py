"""What one command is going to measure, and what it makes of it: looked up, announced, saved, summed up."""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from bench.run import budget, here, probe
from bench.run.asked import Asked
from bench.run.costs import Costs
from bench.run.held import Held, Newest, all_failed, session_of
from bench.run.keeping import Keeping
from bench.run.options import UsageError
from bench.run.task import Task
from bench.run.to_do import Effort, ToDo, count
from dlmark.machine import claims, device
from dlmark.measure import sweep
from dlmark.record import words
from dlmark.results.files import file_name
from dlmark.results.rescue import RunResults
from dlmark.terminal import summary
from dlmark.terminal.progress import lasting, tell


class Plan:
    """One command: what was asked for, what is held of it, what is to do, and the keeping of what is measured."""

    def __init__(self, opts: argparse.Namespace, script: str, function: str, *, task: Task | None = None, workload: str = "inference",
                 pieces: Iterable[str] = (), derive: Callable[[dict], dict] = lambda record: record):  # fmt: skip
        """Holds the device until the command ends, unless it is a dry run. Without a `task` pieces of work are measured, and no networks.

        `derive` adds to a record what follows from its numbers. Raises UsageError, DeviceError, DeviceBusy or ResultsError.
        """
        self._opts, self._derive = opts, derive
        self.asked = Asked(opts, task, workload, pieces)
        self.where, self.framework, self.environment = self.asked.where, self.asked.framework, self.asked.environment
        if not opts.dry_run:
            self._take_device(workload)
        self.results: Any = self._opened(file_name(script, function, self.framework, self.asked.fields["device"]))
        self.newest = Newest(self.results.records())  # as it is before anything is measured
        self.effort = Effort(getattr(opts, "rounds", 1), getattr(opts, "time_cap", 0), opts.again)
        self.costs = Costs(self.asked.adapter, device.kind(self.where), self.asked.fields, self.results.records())
        self.until = budget.Until(budget.end_of(opts))
        self.left_out: set[tuple[str, int]] = set()  # points that did not fit into the budget
        self.keeping: Keeping | None = None
        self.to_do: ToDo | None = None  # until it is announced

    def _opened(self, name: str) -> Held | RunResults:
        """The result file, which has another try at the command's end where something could not be saved in it."""
        if self._opts.dry_run:
            return Held(name, self._opts.results)
        results = RunResults(name, self._opts.results, tell)
        self._opts.at_end.callback(results.close)
        return results

    def _take_device(self, workload: str) -> None:
        claims.clear_folders()  # of runs that were killed
        if self._is_held:
            return
        if self._opts.part is None:  # else the caller holds it for all of its commands
            self._opts.at_end.enter_context(here.hold(self.where, self.asked.command))
        pair = (self._opts.precision, self.asked.fields.get("mode") or self.asked.adapter.modes[0])
        usual = (self.asked.adapter.precisions[0], self.asked.adapter.modes[0])
        if self.where != "cpu" or pair != usual:  # say at once, and not in every record, that this build can't use the device, or not so
            probe.refuse(self.framework, self.where, pair, self._opts.threads, training=workload == "training")

    @property
    def _is_held(self) -> bool:
        """Whether the device is held by the run that this command is a part of, which has asked beforehand what can be, and says the plan and the outcome."""
        return getattr(self._opts, "held", False)

    # ---- what is to do ----

    def jobs(self, sizes: list[int], own: dict[str, dict] | None = None, **fields) -> list[sweep.Job]:
        """A job for each network or piece of work, in the session in which they are measured; see Asked.jobs."""
        jobs, held = self.asked.jobs(sizes, own, **fields), self.results.records()
        if self.keeping is None:  # one session, however often a command asks for jobs
            self.session = session_of(jobs, {**self.asked.fields, **fields}, held, again=self._opts.again, begun=self._opts.session)
            self.goes_on = any(record.get("session") == self.session for record in held)
            self.keeping = Keeping(self.results, self.session, self._derive)
        return [replace(job, fields={**job.fields, "session": self.session}) for job in jobs]

    def missing_of(self, jobs: list[sweep.Job]) -> list[sweep.Job]:
        """The part of each job that is to be measured."""
        return [sweep.missing(job, self.newest, self.effort.again, self.effort.time_cap_s, self.effort.rounds) for job in jobs]

    def announce(self, wanted: list[sweep.Job], missing: list[sweep.Job], formula_s: float | dict[tuple[str, int], float], note: str = "") -> bool:
        """Say what of the `wanted` jobs is `missing`, and how long that takes; True if that is all, for a dry run.

        `formula_s` is the bench's own estimate for all that is to be done, or for a visit of each point: it counts where no held record tells.
        """
        self.to_do = ToDo(wanted, missing, self.newest, self.results, self.effort, formula_s)
        if self._opts.part is not None:
            self._opts.part.append(self)
        if self._opts.dry_run and self._opts.part is None:
            here.say([self.where], [self.framework])
            print(f"Plan\n  {self.to_do.grid()}: {', '.join(self.asked.models)}")
        if not self._is_held and (self._opts.part is None or not self._opts.dry_run):
            estimate = ", ".join(filter(None, [lasting(self.to_do.expected_s), note if self.to_do.work else ""]))
            print(self._headline(count(missing), count(wanted), estimate, self.to_do.anew()), flush=True)
        return self._opts.dry_run

    def headline(self, points: int, wanted: int, estimate: str) -> str:
        """What is going to happen, in one line, for a command that does not `announce` it. Raises UsageError in a dry run."""
        if self._opts.dry_run:
            raise UsageError("this command has no --dry-run: leave it out, or see --help for what it measures")
        return self._headline(points, wanted, estimate)

    @property
    def title(self) -> str:
        """Device and framework."""
        return f"{self.asked.fields['device']}, {self.framework} {self.asked.version}"

    def _headline(self, points: int, wanted: int, estimate: str, anew: str = "") -> str:
        held = f"{wanted - points} of {wanted} are in {self.results.path} already" if wanted > points else ""
        return f"{self.title}: {points} to measure, " + "; ".join(filter(None, [estimate, held, anew]))

    # ---- what came of it ----

    def records(self) -> list[dict]:
        """The newest records of all that was asked for, also those from earlier runs."""
        return self.keeping.records(self.to_do.wanted)

    def finish(self) -> int:
        """Say what came of it, and what to do next. Returns the exit status: 1 if nothing but failures came of it."""
        alone, done = self._opts.part is None and not self._opts.end_with_stdin, self.keeping.done
        if self._is_held:  # its run says what came of all
            return 0
        if alone and self.to_do:
            summary.show(self.records(), self.title)
        if self.left_out:
            print(f"No time was left for {len(self.left_out)} of them: the same command goes on from there.")
        print(f"{words.tally(done)}; saved in {self.results.saved_in}{'. See it with: make html' if alone else ''}", flush=True)
        return int(all_failed(done))
