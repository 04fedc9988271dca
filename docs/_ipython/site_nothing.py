"""Put a sentence in the place of a cell's output where the data hold nothing for it, so that the rest of the page is still made."""

import ast
import linecache
import symtable
import traceback

from IPython.display import publish_display_data

LEFT_OUT = "Left out: it needs what a cell above found nothing for."
NOTE = {"dlmark": {"nothing": True}}  # marks the output, for the page and for docs/_ext/notebook_run.py


def load_ipython_extension(shell):
    """Called by IPython; only the site's build loads this."""
    notes = Notes(shell.user_ns)

    def handle(shell, kind, error, trace, tb_offset=None):
        sentence = notes.sentence(error)
        if sentence is None:
            shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        else:
            publish_display_data({"text/plain": sentence}, NOTE)

    shell.set_custom_exc((Exception,), handle)


class Notes:
    """Tells which errors of a page's cells are notes. `names` holds the variables of the page.

    A statement that found nothing, and those after it in its cell, leave their variables without a value: an older value
    would be taken for theirs in a cell further down.
    """

    def __init__(self, names: dict):
        self._names, self._missing = names, set()

    def sentence(self, error: Exception) -> str | None:
        """What stands in the place of the output of the cell that `error` ended; None if the error is a mistake."""
        is_missing = isinstance(error, NameError) and error.name in self._missing and error.name not in self._names
        sentence = LEFT_OUT if is_missing else getattr(error, "sentence", None)  # of dlmark.nothing.Nothing
        if sentence is not None:
            for name in _names_after(error, self._names):
                self._names.pop(name, None)
                self._missing.add(name)
        return sentence


def _names_after(error: Exception, names: dict) -> set[str]:
    """The variables that the cell would still have set: from the statement in which `error` came, to its end."""
    frame, line = next(step for step in traceback.walk_tb(error.__traceback__) if step[0].f_globals is names)
    statements = ast.parse("".join(linecache.getlines(frame.f_code.co_filename))).body
    rest = ast.Module([statement for statement in statements if statement.end_lineno >= line], [])
    found = symtable.symtable(ast.unparse(rest), "cell", "exec").get_symbols()
    return {symbol.get_name() for symbol in found if symbol.is_assigned() or symbol.is_imported()}
