"""How a number is measured: processes, blocks, rounds, and their statistics. It knows no framework and no task."""
