"""What exists: the assets of Product Lens, one folder a domain, and the doors they share."""
