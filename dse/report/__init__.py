"""The edge out: tables and figures of results."""
