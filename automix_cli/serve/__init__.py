"""`automix serve`: cascades behind an endpoint that speaks OpenAI's protocol."""
