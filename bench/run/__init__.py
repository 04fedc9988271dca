"""What all bench scripts share: the plan, the rounds, the options, the gate, the canary."""
