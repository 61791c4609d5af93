"""Snapshots that no honest history makes still get an answer."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.ids import BuildKey, Digest, InstanceId, RepoId, RevisionId, SpaceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.lesson import Crashed, Failed
from spaces_runtime.domain.setup import Setup, digest
from spaces_runtime.domain.source import FromModel, FromRepo
from spaces_runtime.domain.space import BuildState, Hush, Revision, Space, Wish
from spaces_runtime.domain.stage import derive_stage
from spaces_runtime.scheduler.learn import learn
from spaces_runtime.scheduler.plan import plan
from tests.scheduler.world import ARTIFACT, FILES, LADDER, SMALL

SETUP = Setup(hardware=SMALL)
KEYS = st.sampled_from([BuildKey(RevisionId(name)) for name in "abc"])
SPECS = KEYS.map(lambda key: digest(key, ARTIFACT, SETUP)) | st.just(Digest("other"))
TIMES = st.floats(0, 1000)
INSTANCE = st.builds(
    Instance, id=st.sampled_from("ijk").map(InstanceId), space=st.just(SpaceId("s")), build=KEYS, spec=SPECS,
    phase=st.sampled_from(Phase),
    since=TIMES, answered=st.booleans(), gate=st.sampled_from(Gate), cut_at=TIMES | st.just(float("inf")),
)  # fmt: skip
REVISION = st.builds(Revision, key=KEYS, build=st.sampled_from(BuildState),
                     artifact=st.sampled_from([ARTIFACT, FILES, None]))  # fmt: skip
SPACE = st.builds(
    Space, id=st.just(SpaceId("s")), wish=st.sampled_from(Wish), setup=st.just(SETUP),
    source=st.sampled_from([FromRepo(repo=RepoId("r")), FromModel(repo=RepoId("m"), task="fill-mask")]),
    head=st.none() | REVISION, last_good=st.none() | REVISION, answered=st.frozensets(KEYS),
    failed=st.none() | st.builds(Failed, spec=SPECS, why=st.text()),
    crashed=st.none() | st.builds(Crashed, spec=SPECS, instance=st.just(InstanceId("i")), count=st.integers(1, 9),
                                  retry_at=TIMES, why=st.text()),
    instances=st.lists(INSTANCE, max_size=3).map(tuple), touched_at=TIMES, worked_at=TIMES,
    held_since=st.none() | TIMES, ladder=st.sampled_from([(), LADDER, LADDER[1:], LADDER[2:], LADDER[:2]]),
    places=st.integers(0, 3), position=st.integers(-1, 3), usual=st.sampled_from([0.0, 0.005, 4.4]),
    hush=st.none() | st.builds(Hush, at=TIMES, phase=st.sampled_from([None, Phase.FROZEN, Phase.CHECKPOINTED])),
    start_deadline=st.just(100.0),
)  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(SPACE, TIMES)
def test_every_snapshot_has_a_decision_and_a_word_with_a_reason(space, now):
    decision = plan(space, now)
    assert decision.why
    assert decision.due is None or decision.due > now
    assert derive_stage(space, now).why.strip()
    assert isinstance(learn(space, now), tuple)
