"""Language-model pretraining of the encoder: word lists, the objective, the loop with checkpoints. Knows no tagger."""
