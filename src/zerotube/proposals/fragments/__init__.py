"""From what was followed to candidates: joined, filled, ranked, capped."""
