"""Models that answer: load, generate, shared prefixes. The modules import torch; importing the package does not."""
