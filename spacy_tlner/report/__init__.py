"""What a set of trained models is worth, on one page. Reads what training and evaluation left; trains nothing."""
