"""Remember a conversation, then ask what is remembered.

Needs ``pip install "memori-instrumentation[openai]"`` and OPENAI_API_KEY (or OPENAI_BASE_URL of a
server that speaks OpenAI's API). Run it as it is: ``python examples/quickstart.py``.
"""

import os

from memori_instrumentation import MemoriInstrumentor, RecallClient, attribution

DATABASE = os.environ.get("MEMORI_DATABASE_URL", "sqlite:///quickstart.db")

MemoriInstrumentor().instrument(database=DATABASE)

# From here on it is an ordinary program.
import openai  # noqa: E402

client = openai.OpenAI()
with attribution(entity="ana", process="quickstart", session="first-chat"):
    reply = client.chat.completions.create(
        model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"),
        messages=[{"role": "user", "content": "I live in Lyon and I'm allergic to peanuts."}],
    )
print("assistant:", reply.choices[0].message.content)

with RecallClient(database=DATABASE) as memori:
    memori.flush(timeout=10)
    for memory in memori.recall("Where does she live?", entity="ana", limit=3):
        print(f"{memory.score:6.2f}  {memory.kind:10}  {memory.content}")
