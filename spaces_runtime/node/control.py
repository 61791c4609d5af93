"""The scheduler's side of the node: requests in, answers and changes out; the form stands in domain.sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from typing import Any

import structlog

from spaces_runtime.domain import sandbox
from spaces_runtime.domain.errors import BackendUnavailable, Fault, Invalid, Unavailable
from spaces_runtime.domain.ids import InstanceId, SpaceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.ports.engine import Images
from spaces_runtime.node.instances import Instances
from spaces_runtime.node.jobs import JobRunner

log = structlog.get_logger()
Json = dict[str, Any]
PEER = struct.Struct("3i")  # pid, uid, gid: struct ucred


def peer(sock: socket.socket) -> int:
    """The user at the other end of a unix socket, by the kernel's word."""
    return int(PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))[1])


class Control:
    """Serves the scheduler's connections. allowed: users that may give orders."""

    def __init__(self, ability: sandbox.Ability, allowed: frozenset[int]) -> None:
        self._ability, self._allowed = ability, allowed
        self._watchers: set[asyncio.StreamWriter] = set()
        self._open: dict[asyncio.StreamWriter, asyncio.Event] = {}
        self.instances: Instances
        self.jobs: JobRunner
        self.images: Images | None = None  # None: the engine has none

    def tell(self, instance: Instance) -> None:
        """To everyone who watches."""
        self._send(_line({"changed": sandbox.tell_instance(instance)}))

    def able(self, ability: sandbox.Ability) -> None:
        """What has turned out to be possible; everyone who watches is told."""
        self._ability = ability
        self._send(_line({"able": sandbox.tell_ability(ability)}))

    def _send(self, line: bytes) -> None:
        for writer in tuple(self._watchers):
            if writer.transport.get_write_buffer_size() > sandbox.LONGEST_LINE:
                writer.transport.abort()  # it does not read; it will come again and see everything
            else:
                writer.write(line)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end. Work that must not outlive its asker, as a build does, ends with it."""
        running: set[asyncio.Task[None]] = set()
        ended = self._open[writer] = asyncio.Event()
        try:
            if peer(writer.get_extra_info("socket")) not in self._allowed:
                return
            while line := await reader.readline():
                request = json.loads(line)
                if request["op"] == "resume":
                    self._resume(request, writer)
                    continue
                task = asyncio.create_task(self._serve(request, writer))
                running.add(task)
                task.add_done_callback(running.discard)
        except (OSError, ValueError, KeyError) as error:
            log.warning("node connection broken", why=str(error))
        finally:
            self._watchers.discard(writer)
            for task in running:
                task.cancel()
            with contextlib.suppress(OSError):
                writer.close()
            del self._open[writer]
            ended.set()

    async def hang_up(self) -> None:
        """End every connection; returns when none is served."""
        for writer, ended in tuple(self._open.items()):
            writer.transport.abort()
            await ended.wait()

    async def _serve(self, request: Json, writer: asyncio.StreamWriter) -> None:
        operation = getattr(self, f"_{request['op']}") if request["op"] in OPERATIONS else self._unknown
        # An order once given is carried out, also when its giver goes away; only builds end with him.
        work: asyncio.Future[Any] = asyncio.ensure_future(operation(request, writer))
        try:
            answer = {"ok": await (work if request["op"] in ENDED_WITH_ASKER else asyncio.shield(work))}
        except Fault as fault:
            answer = {"fault": sandbox.tell_fault(fault)}
        except Exception as error:  # the root of a task: the asker must hear something
            log.exception("node operation failed", op=request["op"])
            answer = {"fault": sandbox.tell_fault(_failed(request["op"], error))}
        writer.write(_line({"id": request["id"]} | answer))

    def _resume(self, request: Json, writer: asyncio.StreamWriter) -> None:
        """Without a task where the engine thaws at once: nothing stands between a visitor and a thaw."""
        try:
            thawing = self.instances.resume(InstanceId(request["instance"]))
        except (Fault, OSError) as error:
            thawing = asyncio.get_running_loop().create_future()
            thawing.set_exception(error)
        if thawing.done():
            self._resumed(request, writer, thawing)
        else:
            thawing.add_done_callback(lambda thawed: self._resumed(request, writer, thawed))

    def _resumed(self, request: Json, writer: asyncio.StreamWriter, thawed: asyncio.Future[Instance | None]) -> None:
        """The answer first, then the news."""
        answer: Json = {"ok": None}
        error = thawed.exception()
        if isinstance(error, Fault):
            answer = {"fault": sandbox.tell_fault(error)}
        elif error:
            answer = {"fault": sandbox.tell_fault(_failed("resume", error))}
        writer.write(_line({"id": request["id"]} | answer))
        if not error and (instance := thawed.result()):
            self.tell(instance)

    async def _unknown(self, request: Json, writer: asyncio.StreamWriter) -> None:
        raise Invalid(what=f"carry out {request['op']}", why="the node has no such operation")

    async def _ability_of(self, request: Json, writer: asyncio.StreamWriter) -> Json:
        return sandbox.tell_ability(self._ability)

    async def _observe(self, request: Json, writer: asyncio.StreamWriter) -> list[Json]:
        return [sandbox.tell_instance(each) for each in self.instances.observe()]

    async def _watch(self, request: Json, writer: asyncio.StreamWriter) -> list[Json]:
        self._watchers.add(writer)
        return [sandbox.tell_instance(each) for each in self.instances.observe()]

    async def _start(self, request: Json, writer: asyncio.StreamWriter) -> None:
        await self.instances.start(sandbox.hear_spec(request["spec"]))

    async def _stop(self, request: Json, writer: asyncio.StreamWriter) -> None:
        await self.instances.stop(InstanceId(request["instance"]))

    async def _stop_all(self, request: Json, writer: asyncio.StreamWriter) -> None:
        await self.instances.stop_all()

    async def _forget(self, request: Json, writer: asyncio.StreamWriter) -> None:
        await self.instances.forget(SpaceId(request["space"]))

    async def _suspend(self, request: Json, writer: asyncio.StreamWriter) -> None:
        await self.instances.suspend(InstanceId(request["instance"]), Phase(request["rung"]))

    async def _job(self, request: Json, writer: asyncio.StreamWriter) -> Json:
        return sandbox.tell_end(await self.jobs.run(sandbox.hear_job(request["job"])))

    async def _image(self, request: Json, writer: asyncio.StreamWriter) -> Json:
        return sandbox.tell_image_end(await self._all_images().build(sandbox.hear_image(request["job"])))

    async def _base_image(self, request: Json, writer: asyncio.StreamWriter) -> str:
        return await self._all_images().base(request["packages"])

    async def _keep_images(self, request: Json, writer: asyncio.StreamWriter) -> None:
        await self._all_images().keep(request["space"], request["builds"])

    async def _sweep_images(self, request: Json, writer: asyncio.StreamWriter) -> Json:
        return sandbox.tell_removed(await self._all_images().sweep(request["kept"]))

    def _all_images(self) -> Images:
        if self.images is None:
            then = "Start the platform with --engine docker."
            raise Unavailable(what="work with images", why="this node has no container engine", then=then)
        return self.images


INSTANCES = frozenset({"ability_of", "observe", "watch", "start", "stop", "stop_all", "forget", "suspend"})
ENDED_WITH_ASKER = frozenset({"job", "image"})
OPERATIONS = INSTANCES | ENDED_WITH_ASKER | {"base_image", "keep_images", "sweep_images"}


def _failed(what: str, error: BaseException) -> BackendUnavailable:
    return BackendUnavailable(what=what, why=f"the node failed: {error}")


def _line(message: Json) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
