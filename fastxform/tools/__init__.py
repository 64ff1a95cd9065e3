"""What helps to write and operate a transform outside of Lambda: simulator, sample data, inference, lint, replay.

Nothing here is in the layer, and no module of the engine imports it.
"""
