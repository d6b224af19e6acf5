"""The command line: one file per verb. Results on stdout; progress and warnings on stderr."""
