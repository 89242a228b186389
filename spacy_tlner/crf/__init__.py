"""The algebra of a linear chain and the layer that owns its parameters. Knows no spaCy and nothing of ours."""
