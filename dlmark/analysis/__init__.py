"""What is worked out from records where it is shown: comparisons, choices, ways to run a network, rooflines."""
