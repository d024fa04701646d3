"""What a sentence says about arguments: one file per kind of thing it may name."""
