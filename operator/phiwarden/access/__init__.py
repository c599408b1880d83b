"""Who may do what in zones, by the roles and bindings that stand, and what goes beyond a declaration."""
