"""Text in, JSON out."""

import grps

GOOD = {"good", "great", "love", "fine"}
BAD = {"bad", "poor", "hate", "slow"}


@grps.model
def mood(text: str) -> dict:
    """Count good and bad words."""
    words = [word.strip(".,!?").lower() for word in text.split()]
    good, bad = sum(word in GOOD for word in words), sum(word in BAD for word in words)
    return {"mood": "happy" if good >= bad else "unhappy", "good": good, "bad": bad}
