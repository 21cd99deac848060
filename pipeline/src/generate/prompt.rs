//! Defines what a model is asked: articles, and questions and answers about nothing else.

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{config::GenerateConfig, laws::Given};
use crate::instruct::titled;

/// Bumped when the wording below changes; recorded in every record.
pub const VERSION: u32 = 1;

const SYSTEM: &str = "你编写中国法律的问答。法条由我给出，你只依据这些法条作答：不引用其他条文，不改动条文的意思，\
                      不编造条号、数字和案例的出处。拿不准的内容不写。";

/// What a group's questions are about; the seed chooses.
const MANNERS: [&str; 4] = [
    "问题写成普通人遇到的具体事情，有人物、经过和诉求，由你来判断该怎么办。",
    "问题针对条文中的条件、期限、数额、主体或者例外，问得具体。",
    "问题要把给出的几条联系起来才能回答，例如它们的区别、先后或者适用范围。",
    "问题写成办事的人会问的步骤：由谁办、向谁提出、需要什么、后果是什么。",
];

/// A request before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// SHA-256 of all that the answer depends on, in part; a finished request is known by it.
    pub key: String,
    /// What the model is.
    pub system: &'static str,
    /// What it is to do.
    pub user: String,
    /// Seed of its sampling.
    pub seed: u32,
    /// Ids of the articles that are given.
    pub articles: Vec<String>,
}

/// The request about a group of articles.
pub fn request(group: &[Given], config: &GenerateConfig) -> Request {
    let ids: Vec<String> = group.iter().map(|given| given.id.clone()).collect();
    let draw = xxh3_64_with_seed(ids.join("\n").as_bytes(), config.articles.seed);
    let manner = MANNERS[draw as usize % MANNERS.len()];
    let articles: Vec<String> =
        group.iter().map(|Given { law, label, text, .. }| format!("{}{label}\n{text}", titled(law))).collect();
    let pairs = config.answers.pairs;
    let user = format!(
        "法条：\n\n{}\n\n请写{pairs}组问答，要求：\n1. {manner}\n\
         2. 每个问题单独读来就完整，不出现“上述条文”“给出的法条”之类的话。\n\
         3. 回答先写结论，再讲理由，并写明依据，格式为《法律名称》第几条，条号用汉字，法律名称与上面一致。\n\
         4. 只输出一个 JSON 数组，元素形如 {{\"question\": \"…\", \"answer\": \"…\"}}，数组之外不写任何文字。",
        articles.join("\n\n")
    );
    // Half of the draw: servers take seeds of 31 bits.
    let seed = (draw >> 33) as u32;
    let key = key(&user, seed, config);
    Request { key, system: SYSTEM, user, seed, articles: ids }
}

fn key(user: &str, seed: u32, config: &GenerateConfig) -> String {
    let mut hasher = Sha256::new();
    let endpoint = &config.endpoint;
    let parameters = format!("{VERSION} {} {} {seed}", endpoint.temperature, endpoint.max_tokens);
    for part in [endpoint.model.as_str(), &parameters, SYSTEM, user] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    corpus_format::reader::hex(&hasher.finalize()[..12])
}
