"""Everything kept in the DuckDB file: the only package that imports duckdb.

``database`` opens the file and hands out cursors, ``migrations`` shape it, and one module a subject holds its queries
as plain functions whose first argument is the store. Knows no model, run folder or page.
"""

from workbench.store.database import Store

__all__ = ["Store"]
