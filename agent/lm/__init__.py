"""Language models: settings -> a chain of models that ends in the built-in planner. One file per backend."""
