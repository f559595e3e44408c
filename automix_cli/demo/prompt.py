"""What both frameworks ask the models, as a template with places for the passages and the question.

One message and no system text: a system text would be shown to the verifier too, as the conversation's instructions,
and a model of half a billion parameters obeys what it is shown.
"""

PROMPT = (
    "Answer the question from the passages, in one short sentence. "
    "If they do not contain the answer, say that the passages do not say.\n\n"
    "Passages:\n\n{context}\n\nQuestion: {question}"
)
