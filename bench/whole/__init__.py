"""The whole of a machine, `python -m bench`: what each framework can do on each device, one list of all that is to be measured, and its run."""
