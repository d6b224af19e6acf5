"""The paper's analyses: what its method rests on, measured on any benchmark and model.

One file per question: what is measured on a sample, what the results come to, and the figure.
"""

from zerotube.eval.analyses.analyse import ANALYSES, analysis
from zerotube.eval.analyses.base import AnalysisTask
from zerotube.eval.analyses.result import OUTPUT_FILES, Report

__all__ = ["ANALYSES", "OUTPUT_FILES", "AnalysisTask", "Report", "analysis"]
