//! The OpenAI and Anthropic APIs of language models: requests are checked, answers and streams
//! written. It knows neither sockets nor engines.
