"""What makes packages usable where their makers left them behind."""
