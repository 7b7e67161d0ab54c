"""Hugging Face's config.json to a workload file: read by this package, never by running code that a model brings."""
