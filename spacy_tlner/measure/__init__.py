"""What a trained model's probabilities are worth, and what to annotate next. Asks models; trains nothing."""
