"""The machine that is measured: its devices and host, who else uses them, locks, and the signals that end a run."""
