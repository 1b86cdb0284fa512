"""The verbs that UI, API and CLI share: plain functions that take the store first and return records.

Knows no widgets, no HTTP and no argparse, and loads no torch: heavy work is started as a run, never done here.
"""
