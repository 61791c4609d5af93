"""A small honest world around one Space: engine, node, two gateways and the record, driven by a history of words."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace
from math import inf

from builder.artifact import Artifact, ArtifactKind
from spaces_runtime.domain.actions import Build, Close, Decision, Forget, Open, Resume, Start, Stop, Suspend
from spaces_runtime.domain.gate import Answer, Gate, gate
from spaces_runtime.domain.hardware import Hardware
from spaces_runtime.domain.ids import BuildKey, Digest, GatewayId, InstanceId, RepoId, RevisionId, SpaceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.lesson import Answered, Failed, Lesson
from spaces_runtime.domain.setup import Setup
from spaces_runtime.domain.source import FromRepo
from spaces_runtime.domain.space import BuildState, Hush, Revision, Rung, Space, Wish
from spaces_runtime.scheduler.learn import learn
from spaces_runtime.scheduler.plan import plan

SMALL = Hardware(name="cpu-basic", cpus=2, memory=2**30, disk=2**30)
LARGE = Hardware(name="cpu-upgrade", cpus=8, memory=2**32, disk=2**30)
ARTIFACT = Artifact(kind=ArtifactKind.ENVIRONMENT, digest="0" * 64, location="/e", command=("python",), port=7860)
FILES = replace(
    ARTIFACT, kind=ArtifactKind.STATIC, digest="1" * 64, location="/files", index="dist/index.html", command=()
)
LADDER = (
    Rung(phase=Phase.FROZEN, after=100),
    Rung(phase=Phase.PAGED, after=180),
    Rung(phase=Phase.CHECKPOINTED, after=200),
    Rung(phase=Phase.PACKED, after=300),
    Rung(phase=None, after=400),
)
DEADLINE = 150.0
HOLD = 2000.0
G0, G1 = GatewayId("g0"), GatewayId("g1")


@dataclass(frozen=True, slots=True)
class Step:
    """One look of the scheduler: what it saw, when, what it decided, and the truth about what it touched.

    inside: people in it; admits: a gateway with a lease still lets people in.
    """

    space: Space
    now: float
    decision: Decision
    inside: int
    admits: bool
    ended_before_answer: frozenset[Digest]

    def of(self, *kinds: type) -> bool:
        return isinstance(self.decision.action, kinds)

    @property
    def instance(self) -> Instance:
        """The one the action touches."""
        return next(i for i in self.space.instances if i.id == self.decision.action.instance)


class World:
    """Each method named like a word of a history makes that happen; look() is one look of the scheduler."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.numbers = itertools.count()
        self.record: dict[BuildKey, Revision] = {}  # in the order of pushes
        self.bad: set[BuildKey] = set()  # build, but never answer
        self.static: set[BuildKey] = set()  # build into files only
        self.ended_before_answer: set[Digest] = set()
        self.people: dict[InstanceId, Counter[GatewayId]] = {}
        self.tabs: Counter[InstanceId] = Counter()  # held streams, all through G0
        self.doors: dict[InstanceId, bool] = {}  # as asked by the scheduler
        self.views: dict[GatewayId, dict[InstanceId, bool]] = {G0: {}, G1: {}}  # as each gateway has heard
        self.leased, self.mute = {G0, G1}, set[GatewayId]()
        self.blind = self.lose = self.fail_suspend = self.fail_resume = self.gone = False
        self.steps: list[Step] = []
        self.space = Space(
            id=SpaceId("s"), source=FromRepo(repo=RepoId("r")), wish=Wish.SERVE, setup=Setup(hardware=SMALL),
            ladder=LADDER, touched_at=self.now, hold=HOLD, start_deadline=DEADLINE, places=1,
        )  # fmt: skip

    # What the scheduler sees and does

    def observe(self) -> Space:
        """The snapshot: gates as the gateways answer and the node counts."""
        for name in self.leased - self.mute:
            self.views[name] = dict(self.doors)
        seen = []
        for i in self.space.instances:
            people, tabs = self.people.get(i.id, Counter()), self.tabs[i.id]
            answers = {g: Answer(in_flight=people[g], held=tabs if g == G0 else 0) for g in self.leased - self.mute}
            connections = None if self.blind else people.total() + tabs
            is_open = self.doors.get(i.id, False)
            now = gate(is_open=is_open, live=self.leased, answers=answers, connections=connections)
            seen.append(replace(i, gate=now if i.id in self.doors else Gate.UNKNOWN, connections=connections))
        self.space = replace(self.space, instances=tuple(seen))
        return self.space

    def look(self) -> Decision:
        for _ in range(9):
            lessons = learn(self.observe(), self.now)
            if not lessons:
                break
            for lesson in lessons:
                self.keep(lesson)
        assert not lessons, "learning never ends"
        decision = plan(self.space, self.now)
        name = getattr(decision.action, "instance", None)
        inside = self.people.get(name, Counter()).total()
        admits = any(self.views[gateway].get(name) for gateway in self.leased)
        self.steps.append(Step(self.space, self.now, decision, inside, admits, frozenset(self.ended_before_answer)))
        if not self.lose:
            self.act(decision)
        self.lose = False
        return decision

    def keep(self, lesson: Lesson) -> None:
        if isinstance(lesson, Answered):
            good = self.space.answered | {lesson.build}
            newest = [r for r in self.record.values() if r.key in good][-1]
            self.space = replace(self.space, answered=good, last_good=newest)
        elif isinstance(lesson, Failed):
            self.space = replace(self.space, failed=lesson)
        else:
            self.space = replace(self.space, crashed=lesson)

    def act(self, decision: Decision) -> None:
        match decision.action:
            case Build(key):
                self.set_head(replace(self.record[key], build=BuildState.RUNNING))
            case Start(key, spec):
                new = Instance(id=InstanceId(f"i{next(self.numbers)}"), space=self.space.id, build=key, spec=spec,
                               phase=Phase.STARTING,
                               since=self.now)  # fmt: skip
                self.space = replace(self.space, instances=(*self.space.instances, new))
            case Open(name):
                self.doors[name] = True
                self.change(name, cut_at=inf)
            case Close(name, within):
                self.doors[name] = False
                self.change(name, cut_at=self.now + within)
            case Suspend(name, rung):
                self.suspend(name, rung)
            case Resume(name):
                phase = Phase.EXITED if self.fail_resume else Phase.READY
                self.change(name, phase=phase, since=self.now, why="restore failed")
                self.fail_resume = False
            case Stop(name):
                self.empty(name)
                self.space = replace(self.space, instances=tuple(i for i in self.space.instances if i.id != name))
            case Forget():
                self.gone = True

    def suspend(self, name: InstanceId, rung: Phase) -> None:
        if self.fail_suspend:
            self.space = replace(self.space, ladder=tuple(r for r in self.space.ladder if r.phase is not rung))
        else:
            self.change(name, phase=rung, since=self.now)
            self.tabs[name] *= rung in (Phase.FROZEN, Phase.PAGED)
        self.fail_suspend = False

    def change(self, name: InstanceId, **fields: object) -> None:
        changed = tuple(replace(i, **fields) if i.id == name else i for i in self.space.instances)
        self.space = replace(self.space, instances=changed)

    def empty(self, name: InstanceId) -> None:
        self.people.pop(name, None)
        self.tabs.pop(name, None)
        self.doors[name] = False

    def set_head(self, head: Revision) -> None:
        self.record[head.key] = head
        self.space = replace(self.space, head=head)

    @property
    def live(self) -> list[Instance]:
        return [i for i in self.space.instances if i.phase is not Phase.EXITED]

    # What can happen

    def happen(self, word: str) -> None:
        name, _, argument = word.partition(" ")
        getattr(self, name)(*([argument] if argument else []))

    def nothing(self) -> None: ...

    def push(self, kind: str = "good") -> None:
        key = BuildKey(RevisionId(f"r{next(self.numbers)}"))
        if kind == "bad":
            self.bad.add(key)
        if kind == "static":
            self.static.add(key)
        self.set_head(Revision(key=key))
        self.touch()

    def rebuild(self) -> None:
        if self.space.head:
            old = self.space.head.key
            key = replace(old, rebuild=1 + max(k.rebuild for k in self.record if k.revision == old.revision))
            for kind in (self.bad, self.static):
                if old in kind:
                    kind.add(key)
            self.set_head(Revision(key=key))
            self.touch()

    def restart(self) -> None:
        wish = Wish.SERVE if self.space.wish is Wish.PAUSE else self.space.wish
        setup = replace(self.space.setup, restarts=self.space.setup.restarts + 1)
        self.space = replace(self.space, setup=setup, wish=wish)
        self.touch()

    def secret(self) -> None:
        self.space = replace(self.space, setup=replace(self.space.setup, secrets=self.space.setup.secrets + 1))

    def hardware(self) -> None:
        other = LARGE if self.space.setup.hardware is SMALL else SMALL
        self.space = replace(self.space, setup=replace(self.space.setup, hardware=other))

    def built(self, how: str = "done") -> None:
        head = self.space.head
        if head and head.build is BuildState.RUNNING:
            state = BuildState(how)
            good = FILES if head.key in self.static else ARTIFACT
            artifact = good if state is BuildState.DONE else None
            self.set_head(replace(head, build=state, artifact=artifact, why="" if artifact else "No such module."))

    def up(self) -> None:
        for i in self.live:
            if i.phase is Phase.STARTING and i.build not in self.bad:
                self.change(i.id, phase=Phase.READY, since=self.now, answered=True)

    def twin(self) -> None:
        """A start that another scheduler had ordered, before it was killed."""
        for i in self.live[:1]:
            told = {"id": InstanceId(f"i{next(self.numbers)}"), "phase": Phase.STARTING, "since": self.now}
            self.space = replace(self.space, instances=(*self.space.instances, replace(i, answered=False, **told)))

    def down(self) -> None:
        """What cannot answer ends by itself."""
        for i in self.live:
            if i.phase is Phase.STARTING and i.build in self.bad:
                self.end(i, "No module named torch.")

    def crash(self) -> None:
        for i in self.live[:1]:
            self.end(i, "Killed.")

    def end(self, i: Instance, why: str) -> None:
        if not i.answered and i.build not in self.space.answered:
            self.ended_before_answer.add(i.spec)
        self.empty(i.id)
        self.change(i.id, phase=Phase.EXITED, since=self.now, why=why)

    def touch(self) -> None:
        self.space = replace(self.space, touched_at=self.now)

    def visit(self, through: str = "g0") -> None:
        """Enters where that gateway's door is open; one without a lease admits nobody."""
        gateway = GatewayId(through)
        self.touch()
        for i in self.live:
            if gateway in self.leased and self.views[gateway].get(i.id):
                self.people.setdefault(i.id, Counter())[gateway] += 1

    def leave(self) -> None:
        self.people.clear()

    def tab(self) -> None:
        self.space = replace(self.space, held_since=self.now)
        for i in self.live:
            if self.views[G0].get(i.id):
                self.tabs[i.id] += 1

    def untab(self) -> None:
        self.space = replace(self.space, held_since=None)
        self.tabs.clear()

    def work(self) -> None:
        self.space = replace(self.space, worked_at=inf)

    def unwork(self) -> None:
        self.space = replace(self.space, worked_at=self.now)

    def time(self, seconds: str = "60") -> None:
        """The gateways that can hear cut what is inside when its time is over; a start may pass its deadline."""
        self.now += float(seconds)
        for i in self.live:
            if self.now >= i.cut_at and not self.doors.get(i.id):
                for name in self.leased - self.mute:
                    self.people.get(i.id, Counter()).pop(name, None)
                self.tabs[i.id] *= G0 in self.mute or G0 not in self.leased
            if i.phase is Phase.STARTING and self.now >= i.since + DEADLINE and i.build not in self.space.answered:
                self.ended_before_answer.add(i.spec)

    def pause(self) -> None:
        self.space = replace(self.space, wish=Wish.PAUSE if self.space.wish is Wish.SERVE else self.space.wish)

    def unpause(self) -> None:
        self.space = replace(self.space, wish=Wish.SERVE if self.space.wish is Wish.PAUSE else self.space.wish)

    def hush(self, rung: str = "") -> None:
        self.space = replace(self.space, hush=Hush(at=self.now, phase=Phase(rung) if rung else None))

    def delete(self) -> None:
        self.space = replace(self.space, wish=Wish.DELETE)

    def places(self, count: str) -> None:
        self.space = replace(self.space, places=int(count), position=int(count == "0"))

    def silence(self) -> None:
        """A gateway hears and says nothing more; its lease goes on."""
        self.mute.add(G1)

    def unlease(self) -> None:
        """The lease of a silent gateway ends; who is inside through it stays inside."""
        self.leased -= self.mute

    def heal(self) -> None:
        self.leased, self.mute, self.blind = {G0, G1}, set(), False

    def unsee(self) -> None:
        self.blind = True

    def forget_act(self) -> None:
        self.lose = True

    def break_suspend(self) -> None:
        self.fail_suspend = True

    def break_resume(self) -> None:
        self.fail_resume = True
