"""The networks: parameters, multiply-adds and activations, and the files that they are exported to."""
