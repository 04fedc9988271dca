"""`python -m bench.networks` counts the networks."""

import sys

from bench.networks.count import main
from dlmark.machine import stop

sys.exit(stop.quietly(main))
