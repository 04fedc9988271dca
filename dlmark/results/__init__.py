"""Result files: their names, how they are read with every record checked, and how they are written whole."""
