"""What a declaration would do to what runs now, before it is applied. Pure: no clock, no client."""
