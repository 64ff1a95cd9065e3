"""Coverage-guided fuzzing of the Python code: what is fuzzed (`targets`), its runner, and first inputs (`corpus`)."""
