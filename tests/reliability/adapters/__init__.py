"""The adapters that the tries add to those of the bench."""
