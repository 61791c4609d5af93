"""The instances there are, as far as the scheduler knows: looks at everything, news of one, and its own acts.

A look at everything takes a moment; whatever was heard or done meanwhile is newer than what it saw.
"""

from __future__ import annotations

from collections.abc import Iterable

from spaces_runtime.domain.ids import InstanceId, SpaceId
from spaces_runtime.domain.instance import Instance


class Roster:
    """Moments are of one steady clock, seconds."""

    def __init__(self) -> None:
        self._of: dict[SpaceId, dict[InstanceId, Instance]] = {}
        self._home: dict[InstanceId, SpaceId] = {}
        self._news: dict[InstanceId, float] = {}
        self._gone: dict[InstanceId, float] = {}

    def of(self, space: SpaceId) -> tuple[Instance, ...]:
        """Those of one Space, in the order in which they were first seen."""
        return tuple(self._of.get(space, {}).values())

    def home(self, instance: InstanceId) -> SpaceId | None:
        """Whose it is."""
        return self._home.get(instance)

    def find(self, space: SpaceId, instance: InstanceId) -> Instance | None:
        """As it is known now."""
        return self._of.get(space, {}).get(instance)

    @property
    def spaces(self) -> frozenset[SpaceId]:
        """Those that have an instance."""
        return frozenset(self._of)

    @property
    def everyone(self) -> tuple[Instance, ...]:
        """Of all Spaces."""
        return tuple(i for known in self._of.values() for i in known.values())

    def put(self, instance: Instance, moment: float) -> bool:
        """News of one; False: it is one that was stopped already, or nothing is new."""
        if instance.id in self._gone:
            return False
        self._news[instance.id] = moment
        self._home[instance.id] = instance.space
        known = self._of.setdefault(instance.space, {})
        new = known.get(instance.id) != instance
        known[instance.id] = instance
        return new

    def drop(self, instance: Instance, moment: float) -> None:
        """It was stopped; late news of it means nothing. Ids are never used again."""
        self._gone[instance.id] = moment
        self._news.pop(instance.id, None)
        self._home.pop(instance.id, None)
        known = self._of.get(instance.space, {})
        known.pop(instance.id, None)
        if not known:
            self._of.pop(instance.space, None)

    def merge(self, seen: Iterable[Instance], began: float) -> tuple[Instance, ...]:
        """Everything an engine saw, asked for at `began`. Returns those that vanished without a word."""
        found = {i.id: i for i in seen}
        for i in found.values():
            if i.id not in self._gone and self._news.get(i.id, -1.0) < began:
                self._of.setdefault(i.space, {})[i.id] = i
                self._home[i.id] = i.space
        known = [i for of in self._of.values() for i in of.values()]
        lost = tuple(i for i in known if i.id not in found and self._news.get(i.id, -1.0) < began)
        for i in lost:
            self.drop(i, began)
        self._gone = {name: at for name, at in self._gone.items() if name in found or at >= began}
        return lost
