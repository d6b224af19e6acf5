"""Following objects from frame to frame; what comes out are fragments of tracks.

``boxes`` links detections: a tracker of the package `trackers`, or one like them, joins `LINKERS`
there. ``masks`` follows each object by its mask, in the sessions of ``sam2`` (SAM 2, EdgeTAM): a
mask tracker implements `MaskSession`. ``sam3`` detects and follows in one. A proposer of ``named/``
or ``motion/`` says what goes in.
"""
