"""The paper's analyses: what its method rests on, measured on any benchmark and model."""

from zerotube.eval.analyses.analyse import ANALYSES, Analysis, analysis
from zerotube.eval.analyses.result import OUTPUT_FILES, Report

__all__ = ["ANALYSES", "OUTPUT_FILES", "Analysis", "Report", "analysis"]
