"""A web app: each request is attributed to its user and conversation.

    pip install "memori-instrumentation[openai]" fastapi uvicorn
    memori-instrument --process support-bot uvicorn examples.fastapi_app:app --workers 2

The handler is ordinary code. The middleware says whose request it is, from what the app itself
has verified: here a header stands in for the app's own login.
"""

import os
from collections.abc import AsyncIterator

import openai
from fastapi import Depends, FastAPI, Header
from pydantic import BaseModel

from memori_instrumentation import RecallClient, attribution

app = FastAPI()
client = openai.AsyncOpenAI()
memori = RecallClient()  # MEMORI_DATABASE_URL, as the instrumentation


class Question(BaseModel):
    text: str
    conversation: str


async def user(x_user: str = Header()) -> str:
    """Whoever the app's login says it is."""
    return x_user


async def attributed(question: Question, entity: str = Depends(user)) -> AsyncIterator[str]:
    """Attribute what the handler does to the user and the conversation."""
    with attribution(entity=entity, session=question.conversation):
        yield entity


@app.post("/ask")
async def ask(question: Question, entity: str = Depends(attributed)) -> dict[str, str]:
    reply = await client.chat.completions.create(
        model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"),
        messages=[{"role": "user", "content": question.text}],
    )
    return {"answer": reply.choices[0].message.content or ""}


@app.get("/memories")
async def memories(query: str, entity: str = Depends(user)) -> list[str]:
    return [memory.content for memory in await memori.arecall(query, entity=entity)]
