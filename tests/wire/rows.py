"""The frameworks' ways to ask a model, as rows of the conformance suite beside the SDKs'."""

from __future__ import annotations

from importlib.util import find_spec

from wire.sdk import Sdk
from wire.sdks import SDKS


def _frameworks() -> tuple[Sdk, ...]:
    """The rows of the frameworks that are installed; ``tests/frameworks`` says which are not."""
    rows: list[Sdk] = []
    if find_spec("langchain_openai") and find_spec("langchain_anthropic"):
        from wire.langchain_rows import ROWS as LANGCHAIN

        rows += LANGCHAIN
    if find_spec("pydantic_ai"):
        from wire.pydantic_rows import ROWS as PYDANTIC

        rows += PYDANTIC
    if find_spec("litellm"):
        from wire.litellm_rows import ROWS as LITELLM

        rows += LITELLM
    if find_spec("agno"):
        from wire.agno_rows import ROWS as AGNO

        rows += AGNO
    return tuple(rows)


FRAMEWORKS = _frameworks()
ROWS = (*SDKS, *FRAMEWORKS)
