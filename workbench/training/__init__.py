"""LoRA training: scenarios to tokens, prefix packing, the loop, the worker. Only ``settings``, ``schedule`` and
``augment`` are free of torch; importing the package loads nothing heavy."""
