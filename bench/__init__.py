"""Bench scripts: one a workload, any framework, any device. Run from the project's folder: python -m bench.cnn --help."""
