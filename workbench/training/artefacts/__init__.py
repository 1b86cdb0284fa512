"""A trained model as files that other programs take: adapter, merged weights, GGUF, 8-bit integers; and the proof that
they answer as the trained model does. Knows no store and no UI."""
