"""Pure plans: what is to become of an object that breaks rules."""
