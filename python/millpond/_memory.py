"""What a worker and its Redis remember of one saga, in memory: the other end of a handler's talk in a test."""
from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Callable, Deque, Dict, List, Optional

UNDO_TRIES_MAX = 20
NAME_BYTES_MAX = 120
SHORT_WAIT = 1.0  # seconds that a worker waits itself


class WorkerDied(BaseException):
    """The worker died here, as the test wanted it: nothing that its handler does counts any more."""


@dataclass
class Record:
    """One step, as it is remembered."""

    name: str
    kind: str
    state: str = "running"  # waiting, done, failed, unknown
    attempt: int = 1
    effect: str = "keyed"
    undo: str = "none"  # armed, done, skipped, stuck
    undo_tries: int = 0
    pivot: bool = False
    result: Any = None
    error: str = ""
    cause: str = ""
    input: Any = None
    due: Optional[float] = None
    asked: Dict[str, Any] = field(default_factory=dict)
    children: List[Any] = field(default_factory=list)  # their ends: None, ("done", value) or ("failed", text)
    doubtful: bool = False  # an earlier try may have happened, and did not say so

    @property
    def results(self) -> List[Any]:
        return [end[1] if end and end[0] == "done" else None for end in self.children]


class Memory:
    """A saga between its runs."""

    def __init__(self) -> None:
        self.steps: Dict[str, Record] = {}
        self.now = 0.0
        self.state, self.reason, self.turn = "running", "", ""
        self.waits: List[str] = []  # of the last run
        self.signals: Deque[Any] = deque()
        self.tokens: Dict[str, str] = {}
        self.undone: List[str] = []
        self.crash: Optional[tuple[str, str]] = None

    def cancel_children(self) -> None:
        for step in self.steps.values():
            step.children = [end or ("failed", "cancelled") for end in step.children]

    @property
    def armed(self) -> List[Record]:
        """What is still to be undone, newest first."""
        return [step for step in reversed(list(self.steps.values())) if step.undo == "armed"]

    def die_if(self, *place: str) -> None:
        if self.crash == place:
            self.crash = None
            raise WorkerDied

    def pause(self, reason: str) -> None:
        self.state, self.reason = "paused", reason

    def turn_round(self, end: str, reason: str) -> None:
        """What was done is undone; with nothing to undo it has ended."""
        pivot = any(step.pivot and step.state == "done" for step in self.steps.values())
        if pivot and end == "compensated":
            return self.pause(f"forward_only: {reason}")
        self.reason, self.turn = reason, end
        self.cancel_children()
        self.state = "undoing" if self.armed else "failed" if end == "compensated" else end

    def look(self, step: Record) -> None:
        """Ends a wait that is over."""
        if step.state != "waiting":
            return
        for signal in list(self.signals) if step.kind == "signal" else []:
            if signal[0] == step.asked["name"]:
                self.signals.remove(signal)
                step.state, step.result = "done", signal[1]
                return
        if step.kind == "fan_out":
            self._join(step)
        if step.state == "waiting" and step.due is not None and step.due <= self.now:
            step.state = "done" if step.kind == "sleep" else "failed"
            step.error, step.cause = "timed out", "timed_out"

    def _join(self, step: Record) -> None:
        done = sum(1 for end in step.children if end and end[0] == "done")
        failed = sum(1 for end in step.children if end and end[0] == "failed")
        least = step.asked.get("at_least")
        left = len(step.children) - failed
        over = left == done if least == 0 else done >= (len(step.children) if least is None else least)
        if over:
            step.state = "done"
            step.result = step.results
        elif least != 0 and left < (len(step.children) if least is None else least):
            step.state, step.error, step.cause = "failed", f"a child of {step.name} has failed", "children_failed"

    def wake(self) -> bool:
        """Whether something that it waits for is there."""
        for step in self.steps.values():
            self.look(step)
        return any(self.steps[name].state != "waiting" for name in self.waits)


class Run:
    """One run of the handler: hears its messages and answers them as a worker does."""

    def __init__(self, memory: Memory, id: str, undoing: bool) -> None:
        self._memory, self._id, self._undoing = memory, id, undoing
        memory.waits = []
        self._counts: Dict[str, int] = {}
        self._answers: Deque[Dict[str, Any]] = deque()
        self._now: Optional[Record] = None  # what the handler was asked to do
        self.undos: Callable[[str], Optional[Dict[str, Any]]] = lambda name: None
        self.is_suspended = False

    def answer(self) -> Dict[str, Any]:
        return self._answers.popleft()

    def hear(self, message: Dict[str, Any]) -> None:
        {
            "step_done": self._step_done, "step_failed": self._step_failed, "probed": self._probed,
            "undo_done": self._undo_done, "undo_failed": self._undo_failed,
        }.get(message["type"], self._begin)(message)

    def _say(self, type: str, step: Record, **members: Any) -> None:
        self._answers.append({"type": type, "id": self._id, "name": step.name, **json.loads(json.dumps(members))})

    def _call(self, type: str, step: Record, **members: Any) -> None:
        self._now = step
        end = ":undo" if self._undoing else ""
        attempt = step.undo_tries if self._undoing else step.attempt
        token = {"token": self._memory.tokens[step.name]} if type == "go" and step.kind == "callback" else {}
        self._say(type, step, key=f"{self._id}:{step.name}{end}", attempt=attempt, **token, **members)

    def _suspend(self, step: Record) -> None:
        self.is_suspended = True
        if step.kind != "step" and step.name in self._memory.steps:
            self._memory.waits.append(step.name)
        self._say("suspended", step)

    def _begin(self, asked: Dict[str, Any]) -> None:
        name = asked["name"]
        if not 0 < len(name.encode()) <= NAME_BYTES_MAX or any(letter <= " " or letter in "#\x7f" for letter in name):
            error = f"a step's name has 1 to {NAME_BYTES_MAX} bytes, and no spaces, control characters or #"
            return self._say("failed", Record(name, ""), error=error, cause="saga_step")
        count = self._counts[name] = self._counts.get(name, 0) + 1
        name = name if count == 1 else f"{name}#{count}"
        known = self._memory.steps.get(name)
        step = known or Record(name, asked["type"], input=asked.get("input"), asked=asked)
        if known and (known.kind != asked["type"] or asked.get("input", known.input) != known.input):
            self._memory.pause(f"plan_mismatch: {name}")
            return self._suspend(step)
        if step.state == "done":
            return self._say("stepped", step, result=step.result)
        if step.state == "failed":
            return self._say("failed", step, error=step.error, cause=step.cause)
        if self._undoing or self._memory.state in ("paused", "undoing"):
            return self._suspend(step)
        if step.kind in ("step", "callback"):
            return self._begin_step(step, known is not None, asked)
        self._begin_wait(step, known is not None, asked)

    def _begin_step(self, step: Record, is_known: bool, asked: Dict[str, Any]) -> None:
        step.asked = asked
        if step.state == "waiting":
            self._memory.look(step)
            return self._suspend(step)
        if is_known and step.effect == "once" and not step.error:
            step.state = "unknown"
        if step.state == "unknown":
            self._memory.pause(f"step_unknown: {step.name}")
            return self._suspend(step)
        if is_known:
            step.attempt, step.error, step.doubtful = step.attempt + 1, "", True
        else:
            step.effect, step.pivot = asked.get("effect", "keyed"), bool(asked.get("pivot"))
            step.undo = "armed" if asked.get("undo") else "none"
            step.due = self._due(asked, "within_ms")
            self._memory.steps[step.name] = step
            self._memory.tokens[step.name] = f"token-of-{step.name}"
        self._call("probe" if step.attempt > 1 and step.effect == "query" and asked.get("probe") else "go", step)

    def _begin_wait(self, step: Record, is_known: bool, asked: Dict[str, Any]) -> None:
        if step.kind == "sleep" and not is_known and asked["ms"] < SHORT_WAIT * 1000:
            self._memory.now += asked["ms"] / 1000
            return self._say("stepped", step)
        if not is_known:
            step.state, step.due = "waiting", self._due(asked, "ms" if step.kind == "sleep" else "within_ms")
            step.children = [None] * len(asked.get("items", []))
            step.undo = "armed" if asked.get("undo") else "none"
            self._memory.steps[step.name] = step
            if step.kind == "fan_out" and not step.children:
                step.state, step.result = "done", []
                return self._say("stepped", step, result=[])
        self._suspend(step)

    def _due(self, asked: Dict[str, Any], name: str) -> Optional[float]:
        return self._memory.now + asked[name] / 1000 if name in asked else None

    def _done(self, step: Record, result: Any) -> None:
        step.state, step.result, step.error = "done", result, ""
        self._memory.die_if("after", step.name)
        self._say("stepped", step, result=result)

    def _step_done(self, said: Dict[str, Any]) -> None:
        step = self._asked()
        self._memory.die_if("during", step.name)
        if "result_dropped" in said:
            return self._fail(step, "result", f"step {step.name} is done, but not its result: {said['result_dropped']}")
        if step.kind == "step":
            return self._done(step, said.get("result"))
        if step.state == "running":  # else its answer was there first
            step.state = "waiting"
        self._memory.die_if("after", step.name)
        self._suspend(step)

    def _step_failed(self, said: Dict[str, Any]) -> None:
        step = self._asked()
        self._memory.die_if("during", step.name)
        retries = step.asked.get("retries")
        if self._undoing:  # its probe
            return self._undo_failed(said)
        if step.kind == "callback" and step.state == "done":  # the question was heard all the same
            return self._suspend(step)
        if "cause" in said:
            step.undo = "skipped" if step.undo == "armed" and not step.doubtful else step.undo
            return self._fail(step, said["cause"], said["error"])
        if retries is not None and step.attempt > retries:
            return self._fail(step, "attempts_exhausted", said["error"])
        step.error = said["error"]
        if step.effect == "once":  # nobody knows whether it has happened
            step.state, step.doubtful = "unknown", True
            self._memory.pause(f"step_unknown: {step.name}")
            return self._suspend(step)
        if retries is None:
            return self._say("again", step, error=said["error"])
        step.attempt, step.doubtful = step.attempt + 1, True
        self._call("go", step)

    def _fail(self, step: Record, cause: str, error: str) -> None:
        step.state, step.cause, step.error = "failed", cause, error
        self._say("failed", step, error=error, cause=cause)

    def _probed(self, said: Dict[str, Any]) -> None:
        step, result = self._asked(), said.get("result")
        if self._undoing:
            if result is None:
                step.undo = "skipped"
                return self.undo_next()
            return self._call("undo", step, result=result)
        if result is None:
            return self._call("go", step)
        self._done(step, result)

    def undo_next(self) -> None:
        """Asks for the next undo, or says that nothing is left here."""
        for step in self._memory.armed if self._memory.state == "undoing" else []:
            does = self.undos(step.name)
            if not does or not does.get("undo"):
                self._memory.pause(f"plan_mismatch: {step.name}")
                break
            step.undo_tries += 1
            if step.kind == "fan_out":
                return self._call("undo", step, result=step.results)
            if step.state == "done":
                return self._call("undo", step, result=step.result)
            if does.get("probe"):
                return self._call("probe", step)
            if step.asked.get("undo") == "always":
                return self._call("undo", step)
            self._stuck(step, "it may have happened, and its undo needs its result")
            break
        else:
            if self._memory.state == "undoing":
                self._memory.state = self._memory.turn
        self._answers.append({"type": "undone", "id": self._id})

    def _undo_done(self, said: Dict[str, Any]) -> None:
        step = self._asked()
        self._memory.die_if("undo", step.name)
        step.undo = "done"
        self._memory.undone.append(step.name)
        self.undo_next()

    def _undo_failed(self, said: Dict[str, Any]) -> None:
        step = self._asked()
        if "cause" in said or step.undo_tries >= UNDO_TRIES_MAX:
            self._stuck(step, said["error"])
        self._answers.append({"type": "undone", "id": self._id})

    def _stuck(self, step: Record, why: str) -> None:
        step.undo, self._memory.state = "stuck", "stuck"
        self._memory.reason = f"step {step.name} cannot be undone: {why}"

    def _asked(self) -> Record:
        if self._now is None:
            raise AssertionError("nothing was asked for")
        return self._now
