"""What is said of result files that come from strangers by pull request."""
