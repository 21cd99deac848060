//! Defines the client of an OpenAI-compatible endpoint: one request, sent again where that can help.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ureq::Agent;

use super::{config::EndpointConfig, prompt::Request};
use crate::error::{Error, Result};

/// The longest wait before a request is sent again.
const MAX_BACKOFF: Duration = Duration::from_secs(120);
/// Bytes of the largest answer that is read.
const MAX_BYTES: u64 = 16 << 20;

/// An answer as the endpoint gave it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The endpoint's id of it.
    pub response: String,
    /// What the model wrote.
    pub content: String,
    /// Why it ended: stop, or length where it was cut.
    pub finish_reason: String,
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    pub completion_tokens: u64,
}

/// A client with its key.
pub struct Client<'a> {
    config: &'a EndpointConfig,
    agent: Agent,
    /// Never shown: `Client` has no Debug.
    key: Option<String>,
}

/// Why a request failed.
enum Failure {
    /// It may do better later; perhaps after a time that the server asks for.
    Passing(String, Option<Duration>),
    /// It will not.
    Lasting(String),
}

impl<'a> Client<'a> {
    /// A client; the key is taken from the environment.
    ///
    /// # Errors
    /// The configuration names a variable that is not set.
    pub fn new(config: &'a EndpointConfig) -> Result<Self> {
        let key = config.api_key_env.as_ref().map(|name| {
            let key = std::env::var(name).ok().map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
            key.ok_or_else(|| Error::NoApiKey { variable: name.clone() })
        });
        let agent = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs_f64(config.timeout_s)))
            .http_status_as_error(false)
            // The key is for this endpoint only.
            .max_redirects(0)
            .build()
            .new_agent();
        Ok(Self { config, agent, key: key.transpose()? })
    }

    /// Send a request until it is answered or has failed too often.
    ///
    /// # Errors
    /// The endpoint refuses the request, does not answer, or answers with something else than a completion.
    pub fn ask(&self, request: &Request) -> Result<Reply> {
        let body = self.body(request).to_string();
        let mut backoff = Duration::from_secs_f64(self.config.backoff_s);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (what, asked_for) = match self.send(&body) {
                Ok(reply) => return Ok(reply),
                Err(Failure::Lasting(what)) => return Err(Error::Endpoint { what, attempts }),
                Err(Failure::Passing(what, asked_for)) => (what, asked_for),
            };
            if attempts > self.config.retries {
                return Err(Error::Endpoint { what, attempts });
            }
            std::thread::sleep(asked_for.map_or(backoff, |wait| wait.max(backoff)).min(MAX_BACKOFF));
            backoff *= 2;
        }
    }

    fn body(&self, request: &Request) -> Value {
        json!({
            "model": self.config.model,
            "messages": [
                {"role": "system", "content": request.system},
                {"role": "user", "content": request.user},
            ],
            "temperature": self.config.temperature,
            "max_tokens": self.config.max_tokens,
            "seed": request.seed,
        })
    }

    fn send(&self, body: &str) -> std::result::Result<Reply, Failure> {
        let url = format!("{}/chat/completions", self.config.url.trim_end_matches('/'));
        let mut request = self.agent.post(url).header("content-type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        // Whatever keeps an answer from coming may pass: a server that restarts, a network that is down.
        let mut response = request.send(body).map_err(|e| Failure::Passing(self.hidden(&e.to_string()), None))?;
        let status = response.status().as_u16();
        let wait = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let text = response.body_mut().with_config().limit(MAX_BYTES).read_to_string();
        let text = text.map_err(|e| Failure::Passing(self.hidden(&e.to_string()), None))?;
        match status {
            200 => reply(&text).ok_or_else(|| Failure::Lasting("the answer is no chat completion".into())),
            // Who refuses a key may repeat it.
            401 | 403 => Err(Failure::Lasting(format!("status {status}: the key is refused"))),
            408 | 429 | 500..=599 => Err(Failure::Passing(self.said(status, &text), wait.map(Duration::from_secs))),
            _ => Err(Failure::Lasting(self.said(status, &text))),
        }
    }

    /// A status with the first characters of what the endpoint said of it.
    fn said(&self, status: u16, text: &str) -> String {
        let value: Option<Value> = serde_json::from_str(text).ok();
        let message = value.as_ref().and_then(|value| value.pointer("/error/message")?.as_str()).unwrap_or(text);
        let message: String = message.chars().take(200).collect();
        self.hidden(format!("status {status}: {}", message.trim()).trim_end_matches([':', ' ']))
    }

    /// A message without the key.
    fn hidden(&self, message: &str) -> String {
        self.key.as_ref().map_or_else(|| message.to_owned(), |key| message.replace(key, "***"))
    }
}

fn reply(text: &str) -> Option<Reply> {
    let value: Value = serde_json::from_str(text).ok()?;
    let choice = value.pointer("/choices/0")?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let tokens = |name: &str| value.pointer(&format!("/usage/{name}")).and_then(Value::as_u64).unwrap_or(0);
    Some(Reply {
        response: text(value.get("id")),
        content: choice.pointer("/message/content")?.as_str()?.to_owned(),
        finish_reason: text(choice.get("finish_reason")),
        prompt_tokens: tokens("prompt_tokens"),
        completion_tokens: tokens("completion_tokens"),
    })
}
