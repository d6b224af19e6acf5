"""Proposers that are asked for a noun, one file per way; what they share is in ``base``."""
