"""What the demo says while it runs, and its table."""
from __future__ import annotations

import sys
from typing import Any, Dict, List

from audit import ENDED, PROBLEMS_SHOWN, Audit, Sum

Report = Dict[str, Any]


def progress(seconds: float, counts: Dict[str, int], given: int, agents: int, kills: int) -> None:
    """One line that is written over on a terminal, else one a time."""
    states = (*ENDED, "undoing", "waiting", "paused", "stuck")
    parts = [f"{state} {counts[state]}" for state in states if counts.get(state)]
    line = f"  {seconds:3.0f} s  cases {given}/{agents}  {' · '.join(parts)}  workers killed {kills}"
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr, flush=True)


def clear() -> None:
    """Takes the line away again that is written over."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def report(audit: Audit, callbacks: Dict[str, int], kills: int, seconds: float, seed: int) -> Report:
    """All figures, as they are for programs."""
    states = {state: count for state, count in audit.states.items() if state != "none"}
    if audit.states["none"]:
        states["cancelled"] = states.get("cancelled", 0) + audit.states["none"]
    return {
        "kind": "SagaDemo",
        "sagas": len(audit.sagas),
        "states": states,
        "causes": audit.causes("compensated"),
        "steps_run": audit.steps_run,
        "steps_again": audit.steps_again,
        "steps_undone": audit.undone,
        "kills": kills,
        "callbacks": callbacks,
        "ledger": [row(sum) for sum in (audit.charged, audit.refunded, audit.net)],
        "calls": {**row(audit.calls), "again": audit.paid_again},
        "unheard": {"count": audit.unheard, "cents": audit.unheard_cents},
        "seconds": round(seconds, 1),
        "seed": seed,
        "balances": audit.balances,
        "problems": audit.problems,
    }


def row(sum: Sum) -> Report:
    return {
        "name": sum.name,
        "provider": {"count": sum.books, "amount": sum.books_cents},
        "sagas": {"count": sum.sagas, "amount": sum.sagas_cents},
        "equal": sum.is_equal,
    }


def dollars(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}${abs(cents) // 100:,}.{abs(cents) % 100:02}"


def listed(counts: Dict[str, int]) -> str:
    return " · ".join(f"{name} {count:,}" for name, count in counts.items())


def table(found: Report) -> str:
    """The same for people."""
    states = [(f"  {state}", f"{found['states'][state]:,}", "") for state in sorted_states(found["states"])]
    for position, (name, count, _) in enumerate(states):
        if name == "  compensated":
            states[position] = (name, count, listed(found["causes"]))
    rows = [("sagas", f"{found['sagas']:,}", ""), *states]
    again = f"{found['steps_again']:,} of them again, {found['steps_undone']:,} undone"
    calls = found["calls"]
    cost = f"${calls['provider']['amount'] / 1e6:,.2f} for the model and the tools"
    cost += f"; {calls['again']} were paid for again" if calls["again"] else ", none paid for twice"
    rows += [
        ("steps run", f"{found['steps_run']:,}", again),
        ("workers killed", f"{found['kills']:,}", f"with SIGKILL, in {found['seconds']:.0f} s"),
        ("callbacks", f"{sum(found['callbacks'].values()):,}", listed(found["callbacks"])),
        ("paid calls", f"{calls['provider']['count']:,}", cost),
    ]
    sides = ("provider's ledger", "sagas' own records")
    lines = [f"{name:<16}{count:>7}  {text}".rstrip() for name, count, text in rows]
    lines += ["", " " * 16 + f"{sides[0]:>24}{sides[1]:>24}"]
    for entry in found["ledger"]:
        amounts = [f"{side['count']:>8,}{dollars(side['amount']):>16}" for side in (entry["provider"], entry["sagas"])]
        lines.append(f"{entry['name']:<16}{''.join(amounts)}  {'equal' if entry['equal'] else 'DIFFERENT'}")
    net = found["ledger"][-1]["sagas"]["count"]
    done = found["states"].get("done", 0)
    lines.append(f"net: {done:,} sagas that are done keep {net:,} charges; all others gave theirs back.")
    lines.append("callbacks: same came once more, conflict said something else, expired and void came too late.")
    unheard = found["unheard"]
    if unheard["count"]:
        amount = dollars(unheard["cents"])
        lines.append(f"{unheard['count']} of these charges, {amount}, no agent heard of: refunded by their reference.")
    return "\n".join(lines + [""] + verdict(found))


def sorted_states(states: Dict[str, int]) -> List[str]:
    return sorted(states, key=lambda state: ENDED.index(state) if state in ENDED else len(ENDED))


def verdict(found: Report) -> List[str]:
    if found["balances"]:
        return ["The books balance to the cent."]
    problems = found["problems"]
    shown = [f"  {problem}" for problem in problems[:PROBLEMS_SHOWN]]
    more = len(problems) - len(shown)
    return [f"THE BOOKS DO NOT BALANCE: {len(problems)} problems", *shown, *([f"  and {more} more"] if more else [])]
