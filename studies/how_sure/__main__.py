"""`python -m studies.how_sure` measures what the study needs."""

import sys

from bench.run import options
from studies.how_sure.measure import parser

sys.exit(options.main(parser()))
