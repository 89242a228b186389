"""One converter a format, readers and corpus checks. Knows nothing of models."""
