"""What the project promises about files, runs and strangers, tried many times and counted. `make reliability` runs it."""

from reliability import cuts, disk, kills

ROWS = [*kills.ROWS, *cuts.ROWS, *disk.ROWS]
