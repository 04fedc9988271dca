"""Load result files with `load_results`, and save records with `SaveResults`."""

from dlmark.results.files import NothingMatches, ResultsError
from dlmark.results.load import load_results
from dlmark.results.save import SaveResults

__all__ = ["NothingMatches", "ResultsError", "SaveResults", "load_results"]
