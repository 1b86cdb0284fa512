"""Models put to the test: the worker that collects replies, and the statistics of their scores (no torch)."""
