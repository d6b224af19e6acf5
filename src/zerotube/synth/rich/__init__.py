"""The rich world: textured shapes that do thirteen things, before busy backgrounds, in frames of any
aspect. The bundled model is trained on it, and the test set "rich" is drawn from it.
"""
