"""The paper's ablations: which settings are set beside each other, and what comes of it."""

from zerotube.eval.ablations.rows import ABLATIONS, AblationRow, rows_of, with_known_heads
from zerotube.eval.ablations.save import OUTPUT_FILES, save
from zerotube.eval.ablations.table import AblationTable, tabulate

__all__ = [
    "ABLATIONS",
    "OUTPUT_FILES",
    "AblationRow",
    "AblationTable",
    "rows_of",
    "save",
    "tabulate",
    "with_known_heads",
]
