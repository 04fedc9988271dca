"""How load_results reads many files fast; nothing else knows of it."""
