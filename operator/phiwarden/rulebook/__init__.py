"""The rulebook: rules as data, judged alike by the API server and by Python."""
