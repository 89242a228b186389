"""What the user's own unlabelled text teaches other people's trainers: floret vectors, a masked language model."""
