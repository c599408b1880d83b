"""Pure: which connections the policies of a cluster allow, and whether they were declared."""
