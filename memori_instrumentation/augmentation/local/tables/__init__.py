"""What the local extractor knows of each language: rules, words, slots. Data, no logic."""
