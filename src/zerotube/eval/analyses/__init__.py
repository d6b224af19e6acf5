"""The paper's analyses: what its method rests on, measured on any benchmark and model."""
