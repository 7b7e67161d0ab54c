"""How long and how much: pure functions from operations and designs to metrics."""
