"""Scenarios as plain values: messages, validation, importing, exporting, splitting, coverage.

Pure: imports records and errors only, and knows no database, model or page.
"""
