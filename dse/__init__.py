"""Design-space exploration for deep-learning hardware."""

__version__ = "0.1.0"
