"""The paper's ablations: which settings are set beside each other, and what comes of it."""

from zerotube.eval.ablations.rows import ABLATIONS, AblationRow, rows_of
from zerotube.eval.ablations.table import AblationTable, tabulate

__all__ = ["ABLATIONS", "AblationRow", "AblationTable", "rows_of", "tabulate"]
