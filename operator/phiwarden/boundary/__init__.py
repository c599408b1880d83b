"""From a declaration and facts to the objects that enforce it. Pure: no clock, no client."""
