"""How fast, against a floor that was measured in the same run: `make bench`."""
