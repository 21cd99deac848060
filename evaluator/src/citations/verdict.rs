//! Defines what the statutes say of one citation in an answer, and of the words quoted after it.

use corpus_format::citation::Citation;
use serde::Serialize;

use super::laws::{Article, Laws, Version};
use crate::{normal::letters, score::lcs};

/// A verdict on a citation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The version in force has the article, and what is quoted is its text.
    Ok,
    /// The version in force has the article, whose text is not what is quoted.
    QuoteMismatch,
    /// No version has the article.
    NoSuchArticle,
    /// The article has fewer paragraphs.
    NoSuchParagraph,
    /// An earlier or a later version has the article; the one in force has not.
    Superseded,
    /// The law was repealed.
    Repealed,
    /// No version of the law was in force on that day.
    NotInForce,
    /// There is no such law; said only of a corpus that is stated to be complete.
    NoSuchLaw,
    /// The corpus lacks the law: nothing is known against it.
    Unresolved,
}

impl Verdict {
    /// Every verdict, in the order of tables.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::QuoteMismatch,
        Self::NoSuchArticle,
        Self::NoSuchParagraph,
        Self::Superseded,
        Self::Repealed,
        Self::NotInForce,
        Self::NoSuchLaw,
        Self::Unresolved,
    ];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::QuoteMismatch => "quote_mismatch",
            Self::NoSuchArticle => "no_such_article",
            Self::NoSuchParagraph => "no_such_paragraph",
            Self::Superseded => "superseded",
            Self::Repealed => "repealed",
            Self::NotInForce => "not_in_force",
            Self::NoSuchLaw => "no_such_law",
            Self::Unresolved => "unresolved",
        }
    }

    /// Whether what is cited was never law: a wrong number or name, not an old one.
    pub fn is_invented(self) -> bool {
        matches!(self, Self::NoSuchArticle | Self::NoSuchParagraph | Self::NoSuchLaw)
    }
}

/// What is asked of the statutes.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The day on which the law must be in force, in days since 1970; `None` for the newest versions.
    pub day: Option<i32>,
    /// Whether the corpus holds every law, so that one it lacks does not exist.
    pub is_complete: bool,
    /// The share of a quotation that may differ from the article.
    pub max_distance: f64,
}

impl Default for Asked {
    fn default() -> Self {
        Self { day: None, is_complete: false, max_distance: 0.15 }
    }
}

/// What was found of a citation.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// The title of the law in the corpus.
    pub title: Option<String>,
    /// The id of the article.
    pub article: Option<String>,
    /// The share of a quotation that is not in the article, in its order.
    pub distance: Option<f64>,
    /// Of a quotation that does not match: the id of the article of that law that it is nearest to, and its distance.
    pub nearest: Option<(String, f64)>,
}

/// Judge a citation and the words that are quoted after it, if any.
pub fn judge(laws: &Laws, citation: &Citation, quote: Option<&str>, asked: &Asked) -> Finding {
    let mut finding =
        Finding { verdict: Verdict::Unresolved, title: None, article: None, distance: None, nearest: None };
    let Some(versions) = laws.versions(&citation.title) else {
        if asked.is_complete {
            finding.verdict = Verdict::NoSuchLaw;
        }
        return finding;
    };
    finding.title = versions.first().map(|version| version.title.clone());
    let number = (citation.article.base, citation.article.inserted.unwrap_or(0));
    let in_force: Vec<&&Version> = versions.iter().filter(|version| version.is_in_force(asked.day)).collect();
    let Some(article) = in_force.iter().find_map(|version| version.article(number)) else {
        let is_repealed =
            |version: &&Version| version.repealed.is_some_and(|repealed| asked.day.is_none_or(|day| repealed <= day));
        finding.verdict = match in_force.is_empty() {
            true if versions.iter().any(is_repealed) => Verdict::Repealed,
            true => Verdict::NotInForce,
            false if versions.iter().any(|version| version.article(number).is_some()) => Verdict::Superseded,
            false => Verdict::NoSuchArticle,
        };
        return finding;
    };
    finding.article = Some(article.id.clone());
    finding.verdict = match citation.paragraph {
        Some(paragraph) if paragraph > article.num_paragraphs => Verdict::NoSuchParagraph,
        _ => Verdict::Ok,
    };
    if let Some(quote) = quote {
        let quote: Vec<char> = letters(quote).collect();
        let distance = distance(&quote, article);
        finding.distance = Some(distance);
        if distance > asked.max_distance && finding.verdict == Verdict::Ok {
            finding.verdict = Verdict::QuoteMismatch;
            finding.nearest = nearest(&quote, &in_force);
        }
    }
    finding
}

/// The share of a quotation that an article does not have in that order.
fn distance(quote: &[char], article: &Article) -> f64 {
    let text: Vec<char> = letters(&article.text).collect();
    1.0 - lcs::length(quote, &text) as f64 / quote.len().max(1) as f64
}

/// The article that a quotation is nearest to; of equally near ones the shortest, which says least besides.
fn nearest(quote: &[char], versions: &[&&Version]) -> Option<(String, f64)> {
    let articles = versions.iter().flat_map(|version| &version.articles);
    let measured = articles.map(|article| (distance(quote, article), article.text.len(), article));
    let least = measured.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))?;
    Some((least.2.id.clone(), least.0))
}
