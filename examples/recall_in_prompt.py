"""Put what is remembered about a user into the prompt.

``context_block`` renders memories as delimited data that stored text cannot break out of. The
block is recognised when the conversation is captured and not stored again.
"""

import os

import openai

from memori_instrumentation import MemoriInstrumentor, RecallClient, attribution, context_block

DATABASE = os.environ.get("MEMORI_DATABASE_URL", "sqlite:///recall_in_prompt.db")
MODEL = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")

MemoriInstrumentor().instrument(database=DATABASE)
client = openai.OpenAI()
memori = RecallClient(database=DATABASE)


def answer(question: str, *, user: str, session: str) -> str:
    """Answer a question with what is known about the user at hand."""
    remembered = memori.recall(question, entity=user, limit=5)
    system = "You are a helpful assistant."
    if remembered:
        system += "\n" + context_block(remembered)
    with attribution(entity=user, session=session):
        reply = client.chat.completions.create(
            model=MODEL,
            messages=[
                {"role": "system", "content": system},
                {"role": "user", "content": question},
            ],
        )
    return reply.choices[0].message.content or ""


if __name__ == "__main__":
    print(answer("I'm vegetarian and I love hiking.", user="ana", session="monday"))
    memori.flush(timeout=10)
    print(answer("What should I cook tonight?", user="ana", session="tuesday"))
