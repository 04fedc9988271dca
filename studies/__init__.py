"""Studies of the measuring itself."""
