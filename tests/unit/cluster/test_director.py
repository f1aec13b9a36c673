"""The director on hosts that exist in the test only."""

from __future__ import annotations

import hashlib
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from grps.cluster.archives import ArchiveFolder
from grps.cluster.commands import Deploy, Down, Drain, Scale, Status
from grps.cluster.description import Bounds, Choices, Version
from grps.cluster.director import DRAIN_S, TABLE_WAIT_S
from grps.cluster.policy.observing import UNRESPONSIVE_S, Observation
from grps.errors import DeployError
from tests.support import wait_until
from tests.unit.cluster.virtual import Cluster

DATA = b"an archive"
VERSION = Version(
    archive=hashlib.sha256(DATA).hexdigest(), size=len(DATA), source="x", insecure=True
)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    archives = ArchiveFolder(tmp_path)
    archives.receive(VERSION.archive, 0, DATA, last=True)
    return Cluster(archives)


def deploy(cluster: Cluster, count: int = 2, version: Version = VERSION, **more: Any) -> None:
    bounds = Bounds(minimum=count, maximum=count)
    cluster.ask(Deploy(name="demo", version=version, bounds=bounds, **more))
    cluster.step()
    cluster.step()


def table(cluster: Cluster) -> tuple[int, tuple[str, ...]]:
    found = cluster.director.state.tables["demo"]
    return found.generation, found.addresses


def test_a_deployment_gets_its_replicas_and_a_table_of_them(cluster: Cluster) -> None:
    deploy(cluster)
    assert cluster.phases() == {"demo-1": "ready", "demo-2": "ready"}
    generation, addresses = table(cluster)
    assert sorted(one.partition(":")[0] for one in addresses) == ["a", "b"]
    cluster.step()
    assert table(cluster) == (generation, addresses)


def test_a_replica_that_dies_leaves_the_table_and_is_started_again_at_once(
    cluster: Cluster,
) -> None:
    deploy(cluster)
    generation, before = table(cluster)
    cluster.calls()
    cluster.hosts.finish("demo-1")
    cluster.step()
    assert cluster.calls() == [("start", "demo-1")]
    assert table(cluster) == (generation + 1, before[1:] if "a:" in before[0] else before[:1])
    cluster.step()
    assert cluster.director.state.replicas["demo-1"].restarts == 1
    assert table(cluster)[0] == generation + 2


def test_a_replica_that_hangs_is_killed(cluster: Cluster) -> None:
    deploy(cluster, 1)
    cluster.hosts.seen["demo-1"] = changed(cluster.hosts.seen["demo-1"], seen="unresponsive")
    cluster.step()
    assert table(cluster)[1] == ()
    cluster.calls()
    cluster.step(UNRESPONSIVE_S)
    assert ("kill", "demo-1") in cluster.calls()
    cluster.step()
    cluster.step()
    assert cluster.phases() == {"demo-1": "ready"}


def test_a_replica_that_never_starts_is_tried_ever_later(cluster: Cluster) -> None:
    cluster.hosts.starts_well = False
    deploy(cluster, 1)
    cluster.calls()
    for _ in range(240):
        cluster.step()
    assert 5 <= len(cluster.calls()) <= 10
    cluster.hosts.starts_well = True
    cluster.step(31)
    cluster.step()
    assert cluster.phases() == {"demo-1": "ready"}


def test_a_replica_leaves_the_table_before_it_is_drained(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.ask(Scale(name="demo", minimum=1, maximum=1))
    cluster.calls()
    cluster.step()
    assert cluster.calls() == [("terminate", "demo-2")]  # nobody has the table
    assert len(table(cluster)[1]) == 1
    assert cluster.phases() == {"demo-1": "ready", "demo-2": "draining"}
    cluster.step(DRAIN_S - 1)
    assert cluster.calls() == []
    cluster.hosts.finish("demo-2")
    cluster.step()
    assert cluster.calls() == [("release", "demo-2")]
    assert cluster.phases() == {"demo-1": "ready"}


def test_a_replica_that_does_not_finish_is_killed_in_the_end(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.ask(Scale(name="demo", minimum=1, maximum=1))
    cluster.step()
    cluster.calls()
    cluster.step(DRAIN_S)
    assert cluster.calls() == [("kill", "demo-2")]


def test_services_that_use_a_deployment_have_its_table_before_a_replica_ends(
    cluster: Cluster,
) -> None:
    deploy(cluster)
    user = replace(VERSION, uses=("demo",))
    cluster.ask(Deploy(name="front", version=user, bounds=Bounds()))
    cluster.step()
    cluster.step()
    generation = table(cluster)[0]
    wait_until(lambda: bool(cluster.hosts.pushed.get("front-1")), "the table is pushed")
    assert cluster.hosts.pushed["front-1"][-1] == {
        "generation": generation,
        "endpoints": [{"address": one} for one in table(cluster)[1]],
    }
    hold = cluster.hosts.push
    cluster.hosts.push = lambda name, service, table: generation  # type: ignore[method-assign]
    cluster.ask(Scale(name="demo", minimum=1, maximum=1))
    cluster.step()
    cluster.calls()
    cluster.step(TABLE_WAIT_S / 2)
    assert cluster.phases()["demo-2"] == "leaving"
    cluster.hosts.push = hold  # type: ignore[method-assign]

    def is_drained() -> bool:
        cluster.step(0.1)
        return cluster.phases().get("demo-2") == "draining"

    wait_until(is_drained, "the front has the table")
    assert cluster.hosts.pushed["front-1"][-1]["generation"] == generation + 1


def test_another_director_finds_the_replicas_again(cluster: Cluster) -> None:
    deploy(cluster)
    before = table(cluster)
    cluster.again()
    assert cluster.phases() == {"demo-1": "ready", "demo-2": "ready"}
    cluster.step()
    cluster.step()
    assert table(cluster) == before
    assert all(one.restarts == 0 for one in cluster.director.state.replicas.values())
    cluster.ask(Scale(name="demo", minimum=3, maximum=3))
    cluster.step()
    assert "demo-3" in cluster.phases()  # no name is used twice


def test_a_replica_that_was_being_drained_is_not_started_by_another_director(
    cluster: Cluster,
) -> None:
    deploy(cluster)
    cluster.ask(Scale(name="demo", minimum=1, maximum=1))
    cluster.step()
    cluster.hosts.finish("demo-2")
    cluster.again()
    assert cluster.hosts.orders["demo-2"].only_running
    cluster.step()
    assert cluster.phases() == {"demo-1": "ready"}


def test_a_version_is_changed_one_replica_at_a_time(cluster: Cluster) -> None:
    deploy(cluster, 3)
    newer = replace(VERSION, source="y", uses=("other",))
    reply = cluster.ask(Deploy(name="demo", version=newer))
    assert reply == {"version": 2, "wanted": 3}
    for _ in range(40):
        cluster.step()
        assert sum(phase == "ready" for phase in cluster.phases().values()) >= 3
        assert len(table(cluster)[1]) >= 3
        for call, name in cluster.calls():
            if call == "terminate":
                cluster.hosts.finish(name)
    replicas = cluster.director.state.replicas.values()
    assert [one.version for one in replicas] == [2, 2, 2]
    assert cluster.director.state.deployments["demo"].before == ()


def test_a_version_that_does_not_start_changes_nothing(cluster: Cluster) -> None:
    deploy(cluster)
    before = table(cluster)
    cluster.hosts.starts_well = False
    cluster.ask(Deploy(name="demo", version=replace(VERSION, uses=("other",))))
    cluster.settle()
    assert table(cluster) == before
    status = cluster.ask(Status())
    assert any("version 2 does not start" in str(one) for one in status["troubles"])  # type: ignore[attr-defined]


def test_the_same_version_again_starts_nothing(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.calls()
    assert cluster.ask(Deploy(name="demo", version=VERSION))["version"] == 1
    cluster.step()
    assert cluster.calls() == []


def test_what_a_new_version_leaves_open_stays_as_it_was(cluster: Cluster) -> None:
    deploy(cluster, 2, choices=Choices(cpus=0.5, spread=True))
    assert cluster.ask(Deploy(name="demo", version=replace(VERSION, insecure=False))) == {
        "version": 1,
        "wanted": 2,
    }
    cluster.ask(Deploy(name="demo", version=VERSION, choices=Choices(gpus=1.0)))
    found = cluster.director.state.deployments["demo"]
    assert (found.version.resources.cpus, found.version.resources.gpus) == (0.5, 1.0)
    assert (found.version.number, found.spread, found.bounds.maximum) == (2, True, 2)


def test_load_starts_and_ends_replicas_within_the_bounds(cluster: Cluster) -> None:
    bounds = Bounds(minimum=1, maximum=3, target_load=4.0, down_delay_s=10.0)
    cluster.ask(Deploy(name="demo", version=VERSION, bounds=bounds))
    cluster.step()
    cluster.step()
    cluster.hosts.seen["demo-1"] = changed(cluster.hosts.seen["demo-1"], load=20)
    for _ in range(20):
        cluster.step()
    assert list(cluster.phases().values()) == ["ready"] * 3
    cluster.hosts.seen["demo-1"] = changed(cluster.hosts.seen["demo-1"], load=0)
    cluster.settle()
    assert list(cluster.phases().values()) == ["ready"]


def test_spread_replicas_are_on_different_hosts(cluster: Cluster) -> None:
    deploy(cluster, 2, choices=Choices(spread=True))
    cluster.settle()
    replicas = cluster.director.state.replicas.values()
    assert sorted(one.host for one in replicas) == ["a", "b"]


def test_a_host_is_drained_and_used_again(cluster: Cluster) -> None:
    deploy(cluster)
    cluster.ask(Drain(target="a"))
    cluster.settle()
    assert {one.host for one in cluster.director.state.replicas.values()} == {"b"}
    with pytest.raises(DeployError, match="the only host"):
        cluster.ask(Drain(target="b"))
    cluster.ask(Drain(target="a", undo=True))
    cluster.ask(Scale(name="demo", minimum=3, maximum=3))
    cluster.settle()
    assert {one.host for one in cluster.director.state.replicas.values()} == {"a", "b"}


def test_a_drained_deployment_is_forgotten(cluster: Cluster) -> None:
    deploy(cluster)
    assert cluster.ask(Drain(target="demo")) == {"deployment": "demo", "replicas": 2}
    cluster.settle()
    assert cluster.ask(Status())["deployments"] == []
    deploy(cluster)
    cluster.ask(Down())
    cluster.settle()
    assert cluster.phases() == {}


def test_several_hosts_need_certificates_unless_it_is_told(cluster: Cluster) -> None:
    with pytest.raises(DeployError, match="need certificates"):
        deploy(cluster, version=replace(VERSION, insecure=False))
    deploy(cluster, version=replace(VERSION, insecure=False, tls="/certificates"))


def test_requests_that_make_no_sense_are_refused(cluster: Cluster) -> None:
    deploy(cluster)
    with pytest.raises(DeployError, match="did you mean 'demo'"):
        cluster.ask(Scale(name="dmo", minimum=1, maximum=1))
    with pytest.raises(DeployError, match="there are: demo, a, b"):
        cluster.ask(Drain(target="nowhere"))
    with pytest.raises(DeployError, match="deploy it again"):
        cluster.ask(Deploy(name="x", version=replace(VERSION, archive="0" * 64)))
    assert b"error" in cluster.commands.answer(b'{"verb": "destroy"}')
    assert b"error" in cluster.commands.answer(b"no JSON")


def test_a_replica_that_its_host_does_not_know_is_started_again(cluster: Cluster) -> None:
    deploy(cluster, 1)
    cluster.calls()
    del cluster.hosts.seen["demo-1"]
    cluster.step()
    assert cluster.calls() == [("start", "demo-1")]


def test_a_replica_that_is_still_unknown_to_a_new_director_stays_in_the_table(
    cluster: Cluster,
) -> None:
    deploy(cluster, 1)
    before = table(cluster)
    cluster.again()
    cluster.hosts.seen["demo-1"] = Observation("starting")
    cluster.step()
    assert table(cluster) == before
