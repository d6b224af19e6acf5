"""The acceptance test for the weights a user holds: read correctly, and of any use?

One file per kind of check; `zerotube.check.run` runs them in order. What concerns correctness
passes or fails by itself; what concerns quality fails only where it is not better than chance.
"""
