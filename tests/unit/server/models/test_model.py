"""How the sequences of language models are scheduled."""

from __future__ import annotations

from pathlib import Path

import pytest

from grps.backends.common.language.language_model import LanguageFacts, Scheduling
from grps.backends.common.language.model_files import LanguageFiles
from grps.config.schema import ModelConfig
from grps.server.models.model import native_steps

OURS = Scheduling(prefill_part=8, position_bytes=4, max_state_bytes=99)


@pytest.mark.parametrize(
    ("scheduling", "limited"), [pytest.param(OURS, True, id="ours"), pytest.param(None, False)]
)
def test_steps_without_tokens_do_not_end_a_sequence(
    scheduling: Scheduling | None, limited: bool
) -> None:
    """An engine that batches by itself may need many steps for a token, ours one for each."""
    files = LanguageFiles("{}", None, {}, (), 64)
    facts = LanguageFacts(
        files=files, optional_inputs=frozenset(), adapters=(), scheduling=scheduling
    )
    config = ModelConfig(name="m", version="1", inferer_type="vllm", inferer_path="model")
    steps = native_steps(config, 0, facts, Path())
    assert (steps.max_steps == 64) is limited
    assert limited or steps.max_steps > 10**9
