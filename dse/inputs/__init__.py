"""The edge in: text becomes frozen values, and every mistake in it gets its place."""
