"""A run as one page that a browser opens without a network."""

from zerotube.eval.report.page import write_report

__all__ = ["write_report"]
