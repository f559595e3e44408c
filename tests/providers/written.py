"""How each client is written where a cascade is made of it, as the page of providers shows it.

In the environments of `scripts/providers` each is built as written; elsewhere the page alone is held equal.
"""

from __future__ import annotations

LANGCHAIN = {
    "AzureChatOpenAI": 'AzureChatOpenAI(azure_deployment="small", api_version="2025-04-01-preview")',
    "BaseChatOpenAI": 'ChatOpenAI(model="gpt-5.4-nano")',
    "BaseOpenAI": 'OpenAI(model="small", base_url="http://127.0.0.1:8000/v1")',
    "ChatAnthropic": 'ChatAnthropic(model="claude-haiku-4-5")',
    "ChatBedrockConverse": 'ChatBedrockConverse(model="amazon.nova-lite-v1:0", region_name="us-east-1")',
    "ChatDeepSeek": 'ChatDeepSeek(model="deepseek-chat")',
    "ChatGoogleGenerativeAI": 'ChatGoogleGenerativeAI(model="gemini-2.5-flash-lite")',
    "ChatGroq": 'ChatGroq(model="openai/gpt-oss-20b")',
    "ChatLiteLLM": 'ChatLiteLLM(model="openai/gpt-5.4-nano")',
    "ChatMistralAI": 'ChatMistralAI(model="mistral-small-latest")',
    "ChatOllama": 'ChatOllama(model="qwen2.5:7b")',
    "ChatOpenRouter": 'ChatOpenRouter(model="qwen/qwen3-8b")',
}
LLAMAINDEX = {
    "Anthropic": 'Anthropic(model="claude-haiku-4-5")',
    "AzureOpenAI": 'AzureOpenAI(engine="small", model="gpt-5.4-nano", api_version="2025-04-01-preview")',
    "BedrockConverse": 'BedrockConverse(model="amazon.nova-lite-v1:0", region_name="us-east-1")',
    "DeepSeek": 'DeepSeek(model="deepseek-chat")',
    "GoogleGenAI": 'GoogleGenAI(model="gemini-2.5-flash-lite")',
    "Groq": 'Groq(model="openai/gpt-oss-20b")',
    "LangChainLLM": 'LangChainLLM(llm=ChatOpenAI(model="gpt-5.4-nano"))',
    "LiteLLM": 'LiteLLM(model="openai/gpt-5.4-nano")',
    "MistralAI": 'MistralAI(model="mistral-small-latest")',
    "Ollama": 'Ollama(model="qwen2.5:7b", context_window=8192)',
    "OpenAI": 'OpenAI(model="gpt-5.4-nano")',
    "OpenAILike": 'OpenAILike(model="small", api_base="http://127.0.0.1:8000/v1", is_chat_model=True)',
    "OpenAIResponses": 'OpenAIResponses(model="gpt-5.4-nano")',
    "OpenRouter": 'OpenRouter(model="qwen/qwen3-8b")',
}
"""By the class that has a row in the adapter's table."""
KEYS = dict.fromkeys(
    (
        *("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY", "GOOGLE_API_KEY"),
        *("GROQ_API_KEY", "MISTRAL_API_KEY", "OPENROUTER_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ),
    "a-key-for-the-loopback-server",
)
"""Where the clients look for a key."""
