//! Defines the check of citations in any text against the statutes of a corpus: whether the article exists, was in
//! force, and says what is quoted.
//!
//! Nothing is left to a judge: the same text and corpus give the same verdicts. A law that the corpus lacks is
//! unresolved and counts neither for nor against an answer.

/// Where texts come from.
mod answers;
/// The laws of a corpus.
mod laws;
/// Counts and shares.
mod summary;
/// The counts as text.
mod table;
/// What the statutes say of a citation.
mod verdict;

use std::path::Path;

use corpus_format::{
    Corpus,
    citation::{self, Citation},
    numeral::{self, ArticleNumber},
};
use rayon::prelude::*;
use serde::Serialize;

pub use laws::Laws;
pub use summary::Summary;
pub use table::table;
pub use verdict::{Asked, Finding, Verdict};

use self::answers::Text;
use crate::{Result, normal::letters};

pattern!(
    QUOTE,
    r"^(?:之|的|中)?(?:明确)?(?:规定|指出|内容)?(?:为|是|如下)?\s*[：:，,]?\s*[“「\x22](?P<quoted>[^”」\x22]{8,600})[”」\x22]"
);
pattern!(TOLD, r"^(?:之|的|中)?(?:明确)?规定(?:如下)?\s*[：:]\s*(?P<told>[^\n]{8,600})");
// LawBench 1-1: 民法商法农民专业合作社法第三十三条的内容是什么？
pattern!(
    RECITE,
    r"(?P<law>\p{Han}[\p{Han}（）()]{1,60})第(?P<base>[0-9零〇一二三四五六七八九十百千]+)条(?:之(?P<inserted>[一二三四五六七八九十]+))?(?:的内容是什么|是什么内容)"
);

/// Letters that a quotation must have to be compared.
const MIN_QUOTE_LETTERS: usize = 8;

/// A citation of a text with what was found of it.
#[derive(Debug, Clone, Serialize)]
pub struct Cited {
    /// The file, below what was given.
    pub file: String,
    /// The text's place in it, from 0.
    pub item: usize,
    /// The law as the text names it.
    pub name: String,
    /// Its title in the corpus, or else in full.
    pub law: String,
    /// Number of the article: 264, or 133-1.
    pub article: String,
    /// Number of the paragraph (款).
    pub paragraph: Option<u16>,
    /// The verdict.
    pub verdict: Verdict,
    /// The article in the corpus.
    pub article_id: Option<String>,
    /// The share of what is quoted that the article does not have.
    pub distance: Option<f64>,
    /// Of a quotation that does not match, the article of that law that is nearest, and its distance.
    pub nearest: Option<(String, f64)>,
}

/// What was found in the texts of a file.
#[derive(Debug, Clone)]
pub struct OfFile {
    /// The file, below what was given.
    pub file: String,
    /// How many texts it has.
    pub num_texts: usize,
    /// How many of them cite nothing.
    pub num_uncited: usize,
    /// The citations in order.
    pub cited: Vec<Cited>,
}

/// Check every citation in the texts of `input`, a file or a folder of files, against the statutes of `corpus`.
///
/// # Errors
/// A file or the corpus cannot be read.
pub fn check(input: &Path, corpus: &Path, asked: &Asked) -> Result<Vec<OfFile>> {
    let laws = Laws::read(&Corpus::open(corpus)?)?;
    let each = answers::files(input)?.into_iter().map(|path| {
        let name = path.strip_prefix(input).ok().filter(|rest| !rest.as_os_str().is_empty()).unwrap_or(&path);
        check_file(&name.display().to_string(), &path, &laws, asked)
    });
    each.collect()
}

/// Check every citation in the texts of a file, which is called `name`.
///
/// # Errors
/// A file that is not what its name says.
pub fn check_file(name: &str, path: &Path, laws: &Laws, asked: &Asked) -> Result<OfFile> {
    Ok(of_file(name, &answers::read(path)?, laws, asked))
}

fn of_file(file: &str, texts: &[Text], laws: &Laws, asked: &Asked) -> OfFile {
    let found: Vec<Vec<Cited>> = texts.par_iter().map(|text| of_text(file, text, laws, asked)).collect();
    let num_uncited = found.iter().filter(|cited| cited.is_empty()).count();
    OfFile { file: file.to_owned(), num_texts: texts.len(), num_uncited, cited: found.into_iter().flatten().collect() }
}

fn of_text(file: &str, text: &Text, laws: &Laws, asked: &Asked) -> Vec<Cited> {
    let mut found: Vec<(Citation, Option<String>)> = citation::citations(&text.text, None)
        .into_iter()
        .map(|citation| {
            let quote = quote(&text.text, &citation).map(str::to_owned);
            (citation, quote)
        })
        .collect();
    // An answer that recites an article need not name it: the question does.
    if let Some(asked) = text.prompt.as_deref().and_then(|prompt| recited(prompt, laws)) {
        // An answer of a few letters recites nothing, and is right about nothing.
        let is_told = letters(&text.text).count() >= MIN_QUOTE_LETTERS;
        found = is_told.then(|| (asked, Some(text.text.clone()))).into_iter().collect();
    }
    let cited = |(citation, quote): (Citation, Option<String>)| {
        let Finding { verdict, title, article, distance, nearest } =
            verdict::judge(laws, &citation, quote.as_deref(), asked);
        Cited {
            file: file.to_owned(),
            item: text.item,
            law: title.unwrap_or(citation.title),
            name: citation.name,
            article: citation.article.to_string(),
            paragraph: citation.paragraph,
            verdict,
            article_id: article,
            distance,
            nearest,
        }
    };
    found.into_iter().map(cited).collect()
}

/// What a text quotes directly after a citation, or tells after 规定：.
fn quote<'t>(text: &'t str, citation: &Citation) -> Option<&'t str> {
    let at = text.char_indices().nth(citation.end as usize).map_or(text.len(), |(at, _)| at);
    let after = &text[at..];
    let found = QUOTE.captures(after).and_then(|found| found.name("quoted"));
    let told = || TOLD.captures(after).and_then(|found| found.name("told"));
    let quote = found.or_else(told)?.as_str();
    (letters(quote).count() >= MIN_QUOTE_LETTERS).then_some(quote)
}

/// The article that a question asks to be recited.
fn recited(prompt: &str, laws: &Laws) -> Option<Citation> {
    let found = RECITE.captures_iter(prompt).last()?;
    let name = laws.name_at_end(&found["law"]).unwrap_or(&found["law"]).to_owned();
    let number = |text: &str| numeral::parse(text).and_then(|n| u16::try_from(n).ok());
    let inserted = found.name("inserted").and_then(|inserted| number(inserted.as_str()));
    let article = ArticleNumber { base: number(&found["base"])?, inserted };
    let title = corpus_format::law_name::title_of(&name).unwrap_or(&name).to_owned();
    Some(Citation { start: 0, end: 0, name, title, article, paragraph: None, item: None })
}
