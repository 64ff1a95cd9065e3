"""DynamoDB: changes of a stream, lines of full and incremental exports, and bare images.

Invariant: attribute values are gathered as plain values, as the engine reads them.
"""

from collections import Counter
from typing import Any, Final

from fastxform.core.values import Number
from fastxform.decode import dynamodb
from fastxform.tools.inference.columns import columns, comment, dotted, places
from fastxform.tools.inference.documents import EVENT_NAMES, IMAGES, KEYS, RejectedError
from fastxform.tools.inference.draft import DraftColumn, DraftPlan, DraftSpread, holds_json, left_out_notes
from fastxform.tools.inference.layers import explode_of, with_texts
from fastxform.tools.inference.open_objects import hidden_texts, with_rest
from fastxform.tools.inference.samples import Samples
from fastxform.tools.inference.shapes import Binary, Budget, Shape
from fastxform.tools.inference.types import time_unit

_CREATION: Final = "ApproximateCreationDateTime"
_WRITTEN: Final = "Metadata.WriteTimestampMicros.N"


class DynamodbChanges:
    """Changes of a DynamoDB table, in both shapes, whole or their member `dynamodb` alone, and lines of exports."""

    def __init__(self, budget: Budget) -> None:
        self.count = 0
        self.samples = Samples()
        self._budget = budget
        self._keys = Shape()
        self._image = Shape()
        self._created: dict[str, Shape] = {}
        self._names: Counter[str] = Counter()
        self._roots: set[str] = set()

    @property
    def title(self) -> str:
        """What they are: where there is no change, lines of an export."""
        return "DynamoDB changes" if self._names or _CREATION in self._created else "lines of DynamoDB exports"

    def add(self, document: dict[str, Any], text: bytes | None) -> None:
        """Add one change, or one line of an export."""
        inside = document.get("dynamodb")
        is_change = isinstance(inside, dict)
        home: dict[str, Any] = inside if isinstance(inside, dict) else document
        prefix = "dynamodb." if is_change else ""
        double = is_change and dynamodb.is_double_encoded(document)
        images = {name: _attributes(home.get(name), double) for name in (*KEYS, *IMAGES)}
        created = home.get(_CREATION)
        if created is not None and not isinstance(created, Number | str):
            raise RejectedError("type")
        self.count += 1
        self._roots.update(prefix + name for name, image in images.items() if image is not None)
        self._keys.add(images["Keys"], self._budget)
        self._image.add(images["NewImage"] or images["OldImage"] or images["Item"], self._budget)
        if created is not None:
            self._created.setdefault(prefix + _CREATION, Shape()).add(created, self._budget)
        if not is_change and isinstance(metadata := document.get("Metadata"), dict):
            written = metadata.get("WriteTimestampMicros")
            if isinstance(written, dict) and isinstance(written.get("N"), str):
                self._created.setdefault(_WRITTEN, Shape()).add(Number(written["N"]), self._budget)
        kind = self._kind(document, images, is_change=is_change)
        self.samples.add(kind, text)

    def _kind(self, document: dict[str, Any], images: dict[str, Any], *, is_change: bool) -> str:
        if not is_change and "eventName" not in document:
            return next(name for name in ("Item", "NewImage", "OldImage", "Keys") if images[name] is not None)
        name = document.get("eventName")
        kind = name if name in EVENT_NAMES else "another eventName"
        self._names[kind] += 1
        return kind

    def plan(self) -> DraftPlan:
        """Return the key, the other members of the image, and when the change was made."""
        keys = places(self._keys, self._spell(KEYS, with_item=True), exact_numbers=True)
        rest = Shape()
        rest.members = {name: shape for name, shape in self._image.members.items() if name not in self._keys.members}
        image = places(rest, self._spell(IMAGES), exact_numbers=True)
        image = with_rest(image, self.count, " || ".join(self._roots_of(IMAGES)), is_cut=self._image.is_cut)
        leaves, parses = with_texts([*keys, *image], self.count, ("dynamodb", "eventName", *KEYS, *IMAGES))
        drafts, left_out = columns(leaves, self.count, ("eventName", "changed_at"), root="item")
        visible = bool(drafts)
        spreads = [DraftSpread("item", " || ".join(self._roots_of(IMAGES)), "the item")] if rest.members else []
        explode = explode_of(leaves, (), [draft.name for draft in drafts])
        if (created := self._changed_at()) is not None:
            drafts.append(created)
        if self._names:
            note = ", ".join(f"{n} {name}" for name, n in self._names.items())
            drafts.append(DraftColumn("eventName", None, None, note, hidden=visible))
        hints = ["where = \"eventName != 'REMOVE'\"   # leaves out what was deleted"] if visible and self._names else []
        return DraftPlan(
            "dynamodb",
            drafts,
            parses=parses,
            explode=explode,
            spreads=spreads,
            prefers_json=holds_json(drafts),
            hints=hints,
            notes=left_out_notes(max(left_out, int(self._keys.is_cut)), drafts),
        )

    def _spell(self, names: tuple[str, ...], *, with_item: bool = False) -> Any:
        """Return what spells a path into the images of that name."""
        roots = self._roots_of(names, with_item=with_item)
        joined = " || ".join(roots)
        start = joined if len(roots) == 1 else f"({joined})"
        return lambda members: f"{start}.{dotted(members)}"

    def _roots_of(self, names: tuple[str, ...], *, with_item: bool = False) -> list[str]:
        """Return the paths of the images of that name, wherever in a record they were seen."""
        roots = []
        for prefix in ("dynamodb.", ""):
            own = [name for name in names if name != "Item"]
            if any(prefix + name in self._roots for name in (*KEYS, "NewImage", "OldImage")):
                roots += [prefix + name for name in own]
        if "Item" in self._roots and ("Item" in names or with_item):
            roots.append("Item")
        return roots

    def _changed_at(self) -> DraftColumn | None:
        """Return the column of the time of the change, where all of them have one that is a time."""
        times = {path: shape for path, shape in self._created.items() if time_unit(shape) is not None}
        if not times or len(times) != len(self._created):
            return None
        units = {time_unit(shape) for shape in times.values()}
        unit = next(unit for unit in ("us", "ms", "s") if unit in units)
        first = next(iter(times.values()))
        return DraftColumn("changed_at", " || ".join(times), f"timestamp[{unit}]", comment(first, self.count))


class BareImages:
    """Items of a table as attribute values, nothing around them."""

    title = "DynamoDB items"

    def __init__(self, budget: Budget) -> None:
        self.count = 0
        self.samples = Samples()
        self._budget = budget
        self._image = Shape()

    def add(self, document: dict[str, Any], text: bytes | None) -> None:
        """Add one item."""
        image = _attributes(document, double=False)
        self.count += 1
        self._image.add(image, self._budget)
        self.samples.add_by_size(len(document), text)

    def plan(self) -> DraftPlan:
        """Return a column for every attribute."""
        leaves = places(self._image, dotted, exact_numbers=True)
        leaves = with_rest(leaves, self.count, "", is_cut=self._image.is_cut)
        roots = list(self._image.members)
        leaves, parses = with_texts(leaves, self.count, roots)
        drafts, left_out = columns(leaves, self.count)
        drafts += hidden_texts([(parse.name, parse.of) for parse in parses], drafts)
        return DraftPlan(
            "dynamodb",
            drafts,
            images=["@"],
            parses=parses,
            explode=explode_of(leaves, roots, [draft.name for draft in drafts]),
            prefers_json=holds_json(drafts),
            notes=left_out_notes(left_out, drafts),
        )


def _attributes(image: object, double: bool) -> dict[str, Any] | None:
    """Return the members of an image as they are gathered; None where it has none.

    Raises:
        RejectedError: an attribute is malformed.
    """
    if image is None:
        return None
    if not isinstance(image, dict):
        raise RejectedError("type")
    try:
        return {name: _attribute(value, double) for name, value in image.items()}
    except dynamodb.BadAttributeError as err:
        raise RejectedError("type") from err


def _attribute(attribute: Any, double: bool) -> Any:
    """Return a plain value, of maps as deep as they are, binary values known as such."""
    dynamodb.check_shape(attribute)
    ((tag, content),) = attribute.items()
    if tag == "M":
        members = {}
        for name, member in content.items():
            members[name] = _attribute(member, double)
        return members
    value = dynamodb.plain(attribute, double)
    return Binary(value) if tag == "B" else value
