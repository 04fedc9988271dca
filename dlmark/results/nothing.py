"""What is raised where the data have nothing for a plot, a table or a choice: a sentence for the page, and no mistake of the program."""


class Nothing(ValueError):
    """The data hold nothing for what was asked. The site's build puts `sentence` in the place of the cell's output, and goes on."""

    def __init__(self, why: str):
        """`why`: what no row has."""
        super().__init__(why)

    @property
    def sentence(self) -> str:
        """What a reader of a page is told; it names no path of this machine."""
        return f"There is nothing to show here: {self.args[0]}."

    def __str__(self) -> str:
        return self.sentence

    def _render_traceback_(self) -> list[str]:
        """What Jupyter shows in the place of a traceback."""
        return [str(self)]


class NothingToDraw(Nothing):
    """The data hold nothing for a plot."""

    @property
    def sentence(self) -> str:
        return f"There is nothing to draw here: {self.args[0]}."
