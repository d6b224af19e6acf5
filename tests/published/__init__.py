"""Checkpoints in the file layout of the hub, with random weights of microscopic size.

`data/` holds configuration files as their makers published them (`SOURCES.json` names where each
comes from), `golden.json` what the published models make of one question and one clip. `hub.py`
writes a checkpoint of the same files, with the names that the hub's weights have.
"""
