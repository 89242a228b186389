"""What all tests share: hypothesis draws the same examples on every run, and no example is failed for being slow."""

from hypothesis import settings

settings.register_profile("spacy_tlner", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("spacy_tlner")
