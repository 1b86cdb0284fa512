"""Start (``local``, ``ray``), watch and cancel workers. Knows run folders and processes; no torch, no store, no UI."""
