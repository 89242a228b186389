"""What carries knowledge from one tagger to another. Works on models and labels; knows no component class."""
