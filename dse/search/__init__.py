"""Which designs are best."""
