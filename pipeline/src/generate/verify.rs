//! Defines which pairs are taken: every article they name exists, one of those given is among them, nothing is too
//! short, too long, said before, or about the prompt.

use corpus_format::citation::{self, Citation};
use rustc_hash::FxHashSet;

use super::{answer::Pair, config::AnswersConfig, laws::Laws};

pattern!(ARTICLE, r"第\s*[0-9〇零一二两三四五六七八九十百千]+\s*条");
pattern!(PROMPT, r"(?:上述|以上|上面|给出的?|所给的?|提供的?|下列)(?:的)?(?:法条|条文|法律条文|材料|规定内容)");

/// The verifier of one run.
pub struct Verifier<'a> {
    laws: &'a Laws,
    config: &'a AnswersConfig,
    /// Questions taken, without punctuation.
    seen: FxHashSet<String>,
}

impl<'a> Verifier<'a> {
    /// A verifier that has seen nothing.
    pub fn new(laws: &'a Laws, config: &'a AnswersConfig) -> Self {
        Self { laws, config, seen: FxHashSet::default() }
    }

    /// The id of the first given article that a pair cites.
    ///
    /// # Errors
    /// Why the pair is not taken.
    pub fn verify<'b>(&mut self, pair: &Pair, given: &'b [String]) -> Result<&'b str, String> {
        let lengths = [
            ("question", &pair.question, self.config.question_chars),
            ("answer", &pair.answer, self.config.answer_chars),
        ];
        for (name, text, [min, max]) in lengths {
            let chars = text.chars().count();
            if !(min..=max).contains(&chars) {
                return Err(format!("the {name} has {chars} characters, not {min} to {max}"));
            }
        }
        if PROMPT.is_match(&pair.question) {
            return Err("the question speaks of the articles it was made from".to_owned());
        }
        self.cited(&pair.question)?;
        let cited = self.cited(&pair.answer)?;
        let is_cited = |id: &&String| cited.iter().any(|citation| self.laws.is_of(citation, id));
        let article = given.iter().find(is_cited).ok_or("the answer cites none of the articles given")?;
        let question: String = pair.question.chars().filter(|c| c.is_alphanumeric()).collect();
        if !self.seen.insert(question) {
            return Err("the question was asked before".to_owned());
        }
        Ok(article)
    }

    /// The citations of a text, all of which exist.
    fn cited(&self, text: &str) -> Result<Vec<Citation>, String> {
        let citations = citation::citations(text, None);
        if let Some(fault) = citations.iter().find_map(|citation| self.laws.fault(citation)) {
            return Err(fault);
        }
        // A number without a law could be any article.
        let (mut byte, mut chars) = (0, 0);
        for number in ARTICLE.find_iter(text) {
            chars += text[byte..number.start()].chars().count();
            byte = number.start();
            let is_within = |c: &Citation| (c.start as usize..c.end as usize).contains(&chars);
            if !citations.iter().any(is_within) {
                return Err(format!("{} stands without its law", number.as_str()));
            }
        }
        Ok(citations)
    }
}
