"""What the provider's model and tools say: made up, seeded, and paid for."""
from __future__ import annotations

import random
from typing import Any, Dict, Tuple

TOOLS = ("photo", "history", "price")
MICROS = {"model": 9_000, "photo": 4_000, "history": 1_500, "price": 2_500}


def output(dice: random.Random, tool: str, seen: Dict[str, Any]) -> Tuple[int, Any]:
    """What a call costs, in millionths of a dollar, and what comes of it."""
    if tool == "model":
        return MICROS[tool], _think(dice, seen)
    return MICROS.get(tool, 1_000), {"tool": tool, "score": dice.randrange(100)}


def _think(dice: random.Random, seen: Dict[str, Any]) -> Dict[str, Any]:
    """The next tool, or what the customer pays for the exchange. Some customers make it think for too long."""
    never_sure = dice.random() < 0.08
    enough = 1 + dice.randrange(len(TOOLS))
    if never_sure or len(seen) < enough:
        left = [tool for tool in TOOLS if tool not in seen]
        return {"tool": left[0] if left else TOOLS[len(seen) % len(TOOLS)]}
    return {"cents": 100 + dice.randrange(20_000)}
