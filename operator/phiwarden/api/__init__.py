"""The API: models of the custom resources, and the names all parts share."""
