"""What the tables of all benchmarks share."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

WIDTH = 118


def console() -> Console:
    """A console that writes to standard output and is `WIDTH` wide, whatever the terminal, so that no table wraps."""
    return Console(width=WIDTH, highlight=False)


def table_of(title: str, first: str, columns: Sequence[str]) -> Table:
    """An empty table: a column of names, and right-aligned columns of figures.

    Args:
        title: above the table.
        first: heading of the names.
        columns: headings of the figures.
    """
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table
