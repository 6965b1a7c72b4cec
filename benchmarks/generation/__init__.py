"""Generation measured side by side with the request layout of the reference."""
