"""The cards of repos, for the hub's answers."""

from __future__ import annotations

from fastapi import Request

from spaces_runtime.domain.card import facts_of
from spaces_runtime.domain.operations.cards import Card, Cards
from spaces_runtime.domain.repo import Kind

__all__ = ["Card", "Cards", "cards", "tags_of"]


def cards(request: Request) -> Cards:
    """The hub's one."""
    state = request.app.state
    if not hasattr(state, "cards"):
        state.cards = Cards(state.desk)
    found: Cards = state.cards
    return found


def tags_of(card: Card, kind: Kind = Kind.MODEL) -> list[str]:
    """What filters of listings match, by the card alone."""
    return list(facts_of(kind, "", card).tags)
