"""Records and progress in a terminal."""
