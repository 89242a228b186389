"""What people are told when their text or checkpoint cannot be used."""


class DomainError(ValueError):
    """Something that cannot be learned from; the message is meant for the person who gave it."""
