"""Compares the provider's ledger with what the sagas remember, case by case and to the cent."""
from __future__ import annotations

import collections
import json
from dataclasses import dataclass, field
from typing import Any, Counter, Dict, Iterable, List, Optional

from ledger import Books

ENDED = ("done", "compensated", "cancelled", "failed")
#: why a case may be compensated; any other cause is a fault of somebody
CAUSES = ("sold_out", "budget_exhausted", "timed_out", "bank_refused", "undecided", "attempts_exhausted")
MONEY = ("label", "exchange")  # the steps that charge, in their order
PROBLEMS_SHOWN = 20


@dataclass
class Step:
    """What is remembered of a step."""

    name: str
    state: str
    undo: str
    attempts: int
    undo_attempts: int
    result: Optional[Any]

    @classmethod
    def of(cls, words: List[Any]) -> "Step":
        """From an answer of `pond_saga`."""
        result = json.loads(words[11]) if words[11] else None
        return cls(words[0], words[2], words[6], int(words[4]), int(words[7]), result)


@dataclass
class Saga:
    """What is remembered of a case's saga."""

    id: str
    case: str
    state: str
    reason: str = ""
    steps: Dict[str, Step] = field(default_factory=dict)

    @classmethod
    def of(cls, id: str, case: str, reply: List[Any]) -> "Saga":
        """From an answer of `pond_saga`; one that is empty is of a job that never said a step."""
        if not reply:
            return cls(id, case, "none")
        header = dict(zip(reply[0][::2], reply[0][1::2]))
        steps = [Step.of(words) for words in reply[1:]]
        return cls(id, case, header["state"], header.get("reason", ""), {step.name: step for step in steps})


@dataclass
class Sum:
    """How many, and how much, in the provider's books and in the sagas' records."""

    name: str
    books: int = 0
    books_cents: int = 0
    sagas: int = 0
    sagas_cents: int = 0

    @property
    def is_equal(self) -> bool:
        return (self.books, self.books_cents) == (self.sagas, self.sagas_cents)


def cause_of(saga: Saga) -> str:
    return saga.reason.partition(":")[0]


class Audit:
    """`problems` is empty when all is well."""

    def __init__(self, books: Books, sagas: Iterable[Saga]) -> None:
        self.problems: List[str] = []
        self.sagas = list(sagas)
        self.states: Counter[str] = collections.Counter(saga.state for saga in self.sagas)
        self.charged = Sum("charged")
        self.refunded = Sum("refunded")
        self.net = Sum("net")
        #: charged though the agent never heard so, and refunded by the reference
        self.unheard = 0
        self.unheard_cents = 0
        self.calls = Sum("paid calls")  # in millionths of a dollar
        #: calls that were paid for more than once
        self.paid_again = 0
        self._books = books
        self._charges: Dict[str, List[int]] = collections.defaultdict(list)
        self._refunds: Dict[str, List[int]] = collections.defaultdict(list)
        self._read_books()
        for saga in self.sagas:
            self._check(saga)
        self._check_strangers()
        self._check_calls()
        self._check_shipments()
        self.net.books = self.charged.books - self.refunded.books
        self.net.books_cents = self.charged.books_cents + self.refunded.books_cents
        for sum in (self.charged, self.refunded, self.net):
            if not sum.is_equal:
                self._say(f"{sum.name}: {sum.books_cents} cents in the ledger, {sum.sagas_cents} in the sagas' records")

    @property
    def balances(self) -> bool:
        return not self.problems

    @property
    def steps_run(self) -> int:
        return sum(step.attempts + step.undo_attempts for saga in self.sagas for step in saga.steps.values())

    @property
    def steps_again(self) -> int:
        """Of these, runs of a step or an undo that had begun before."""
        tries = [n for saga in self.sagas for step in saga.steps.values() for n in (step.attempts, step.undo_attempts)]
        return sum(n - 1 for n in tries if n > 1)

    @property
    def undone(self) -> int:
        return sum(step.undo == "done" for saga in self.sagas for step in saga.steps.values())

    def causes(self, state: str) -> Dict[str, int]:
        """Why sagas ended in this state, the most frequent first."""
        reasons = [cause_of(saga) for saga in self.sagas if saga.state == state]
        return dict(collections.Counter(reasons).most_common())

    def _say(self, problem: str) -> None:
        self.problems.append(problem)

    def _read_books(self) -> None:
        for kind, reference, cents in self._books.entries:
            sum, found = (
                (self.charged, self._charges) if kind == "charge" else (self.refunded, self._refunds)
            )
            sum.books += 1
            sum.books_cents += cents
            found[reference].append(cents)

    def _check(self, saga: Saga) -> None:
        if saga.state not in ENDED and not (saga.state == "none" and saga.reason == "cancelled"):
            self._say(f"{saga.case} has not ended: it is {saga.state} ({saga.reason})")
        if saga.state in ("compensated", "failed") and cause_of(saga) not in CAUSES:
            self._say(f"{saga.case} is {saga.state} for no reason that the example knows: {saga.reason}")
        for name in MONEY:
            step = saga.steps.get(name)
            reference = f"{saga.case}/{name}"
            if step and step.state == "done" and step.undo != "done":
                self._check_kept(saga, step, reference)
            elif step and step.undo == "done":
                self._check_undone(step, reference)
            elif self._charges[reference] or self._refunds[reference]:
                self._say(f"{reference} is in the ledger, and the saga knows of no charge")
            if saga.state == "done" and not (step and step.state == "done"):
                self._say(f"{saga.case} is done without its step {name}")

    def _check_kept(self, saga: Saga, step: Step, reference: str) -> None:
        cents = step.result["cents"] if step.result else 0
        self.charged.sagas += 1
        self.charged.sagas_cents += cents
        self.net.sagas += 1
        self.net.sagas_cents += cents
        if saga.state != "done":
            self._say(f"{reference} was kept though the saga is {saga.state}")
        if self._charges[reference] != [cents] or self._refunds[reference]:
            self._say(
                f"{reference}: the saga kept a charge of {cents}, the ledger has charges {self._charges[reference]}"
                f" and refunds {self._refunds[reference]}"
            )

    def _check_undone(self, step: Step, reference: str) -> None:
        charges, refunds = self._charges[reference], self._refunds[reference]
        recorded = [step.result["cents"]] if step.result else []
        if not recorded and len(charges) == 1:
            # The answer never came back; the refund found it by the reference.
            self.unheard += 1
            self.unheard_cents += charges[0]
            recorded = charges
        self.charged.sagas += len(recorded)
        self.charged.sagas_cents += sum(recorded)
        self.refunded.sagas += len(recorded)
        self.refunded.sagas_cents -= sum(recorded)
        if charges != recorded or refunds != [-cents for cents in recorded]:
            self._say(
                f"{reference}: the saga undid {recorded or 'nothing'}, the ledger has charges {charges}"
                f" and refunds {refunds}"
            )

    def _check_strangers(self) -> None:
        known = {f"{saga.case}/{name}" for saga in self.sagas for name in MONEY}
        for reference in sorted((set(self._charges) | set(self._refunds)) - known):
            self._say(f"{reference} is in the ledger, and no saga is of it")

    def _check_calls(self) -> None:
        results = {
            f"{saga.id}:{step.name}": step.result["micros"]
            for saga in self.sagas
            for step in saga.steps.values()
            if step.state == "done" and isinstance(step.result, dict) and "micros" in step.result
        }
        self.calls.sagas, self.calls.sagas_cents = len(results), sum(results.values())
        paid: Counter[str] = collections.Counter()
        for _, micros, key in self._books.calls:
            self.calls.books += 1
            self.calls.books_cents += micros
            paid[key] += 1
            if key in results and results[key] != micros:
                self._say(f"the call {key} cost {micros}, and the saga has {results[key]}")
        for key, times in paid.items():
            if times > 1:
                self.paid_again += times - 1
                self._say(f"the call {key} was paid for {times} times")
        for key in sorted(set(results) - set(paid)):
            self._say(f"the call {key} is remembered, and was never paid for")

    def _check_shipments(self) -> None:
        shipped = collections.Counter(self._books.shipments)
        for saga in self.sagas:
            times = shipped[saga.case]
            if times > 1 or (saga.state == "done") != (times == 1):
                # A cancel may come when the parcel has just left.
                if not (saga.state == "cancelled" and times == 1):
                    self._say(f"{saga.case} is {saga.state}, and {times} parcels were sent")
