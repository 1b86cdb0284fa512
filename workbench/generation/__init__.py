"""A generation run: a teacher model behind an endpoint writes drafts. Knows no store."""
