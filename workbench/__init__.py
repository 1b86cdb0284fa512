"""Tool Router Workbench: teach a small language model to pick the right tool, and know that it does.

Layers, each importing only from those to its right:
app.py > ui | api | cli > actions > store | jobs | training | evaluation | generation | serving > inference > grammars
> dialects | scenarios > records, errors, workspace, runfolder
"""

__version__ = "0.1.0"
