"""The rich world: textured shapes that do thirteen things, on busy backgrounds, in any aspect.

The bundled model is trained on it, and the test set "rich" is drawn from it.
"""
