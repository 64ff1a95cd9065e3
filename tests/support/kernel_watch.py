"""Whether the native kernel has answered anything, for tests that say they run with it.

A test with a kernel that is off, has paused, or raised and left all to the engine, proves nothing. Invariant: while
`watched`, the kernel never pauses, and an exception in its stages is seen.
"""

import contextlib


def always_on():
    """Return a class of switches that leave nothing to the engine for a while, whatever the stream is like."""
    from fastxform.core.native import Switch

    class AlwaysOn(Switch):
        def note(self, fallback_count, record_count):
            """Never pause."""

        def pause(self):
            """Let the exception be seen for which a stream would be left to the engine."""
            raise

    return AlwaysOn


class Watch:
    """How many records the kernel answered itself."""

    records = 0

    def count(self, answers):
        """Take what a stage returned: answers, a response, or None for what was the engine's."""
        found = getattr(answers, "answers", answers)
        if found is not None:
            self.records += found.record_count - found.fallback_count
        return answers


@contextlib.contextmanager
def watched(patch):
    """Count what the kernel takes in all pipelines that are made meanwhile; `patch` is a MonkeyPatch."""
    from fastxform import native_pipeline
    from fastxform.native_pipeline import NativePipeline

    watch = Watch()
    patch.setattr(native_pipeline, "Switch", always_on())
    for name in ("run", "answer"):
        stage = getattr(NativePipeline, name)
        patch.setattr(NativePipeline, name, lambda *given, stage=stage, **named: watch.count(stage(*given, **named)))
    yield watch
