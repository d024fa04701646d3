"""The conversation: sessions, the ReAct agent over the tools, language models, specialists. No torch, no gradio."""
