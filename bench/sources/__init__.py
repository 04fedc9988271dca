"""Published figures: one importer a form of source."""
