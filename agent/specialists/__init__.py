"""Four specialists, each of which proposes; the engine decides by measuring."""
