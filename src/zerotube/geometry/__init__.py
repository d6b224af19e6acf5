"""Boxes, masks and spans: plain arithmetic, no video and no model."""
