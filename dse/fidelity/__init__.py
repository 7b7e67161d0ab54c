"""Published machines again: what was measured, what the model says of it, and how far the two may be apart."""
