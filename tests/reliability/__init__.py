"""What the project promises about files, runs and strangers, tried many times and counted. `make reliability` runs it."""

from reliability import clock, cuts, disk, kills, lost_gpu, mutants, networks, strings, together

ROWS = [row for module in (kills, cuts, disk, clock, networks, lost_gpu, together, mutants, strings) for row in module.ROWS]
