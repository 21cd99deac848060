//! Defines the twenty tasks of LawBench: a row each.

use super::LabelList;

/// Items of a whole task.
pub const NUM_ITEMS: usize = 500;

/// A task.
#[derive(Debug)]
pub struct Task {
    /// Its number: memorising (1), understanding (2), applying (3).
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What is computed, whatever else the task's publication calls it.
    pub metric: &'static str,
    /// How an answer is judged.
    pub rule: Rule,
}

/// How an answer is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Longest common subsequence of words. Before the reference may stand a word that no answer needs.
    RougeL {
        /// That word.
        prefix: &'static str,
    },
    /// One letter.
    Letter {
        /// The letters to choose from.
        options: &'static str,
        /// Where the letter is in the reference, in characters.
        at: usize,
    },
    /// One label of a list.
    Label(LabelList),
    /// Several labels of a list.
    Labels(LabelList),
    /// The characters of a short answer.
    Characters,
    /// Values of entities by type.
    Entities,
    /// Words that name events.
    Triggers,
    /// Numbers of articles.
    Articles,
    /// Months of imprisonment.
    Term,
    /// An amount of money.
    Amount,
    /// Edits of a sentence, of all items together: judged apart, with tables of characters.
    Edits,
}

impl Rule {
    /// Whether an item is right or wrong and nothing between.
    pub fn is_right_or_wrong(self) -> bool {
        matches!(self, Self::Letter { .. } | Self::Label(_) | Self::Amount)
    }
}

const fn row(id: &'static str, name: &'static str, metric: &'static str, rule: Rule) -> Task {
    Task { id, name, metric, rule }
}

/// All tasks, in the order of their numbers.
pub const TASKS: [Task; 20] = [
    row("1-1", "article_recitation", "rouge_l", Rule::RougeL { prefix: "答案:" }),
    row("1-2", "knowledge_question_answering", "accuracy", Rule::Letter { options: "ABCD", at: 5 }),
    row("2-1", "document_proofreading", "f0.5", Rule::Edits),
    row("2-2", "dispute_focus_identification", "accuracy", Rule::Label(LabelList::DisputeFocus)),
    row("2-3", "marital_disputes_identification", "f1", Rule::Labels(LabelList::MaritalDispute)),
    row("2-4", "issue_topic_identification", "accuracy", Rule::Label(LabelList::IssueTopic)),
    row("2-5", "reading_comprehension", "rc_f1", Rule::Characters),
    row("2-6", "named_entity_recognition", "soft_f1", Rule::Entities),
    row("2-7", "opinion_summarization", "rouge_l", Rule::RougeL { prefix: "" }),
    row("2-8", "argument_mining", "accuracy", Rule::Letter { options: "ABCDE", at: 6 }),
    row("2-9", "event_detection", "f1", Rule::Labels(LabelList::Event)),
    row("2-10", "trigger_word_extraction", "soft_f1", Rule::Triggers),
    row("3-1", "fact_based_article_prediction", "f1", Rule::Articles),
    row("3-2", "scene_based_article_prediction", "rouge_l", Rule::RougeL { prefix: "" }),
    row("3-3", "charge_prediction", "f1", Rule::Labels(LabelList::Charge)),
    row("3-4", "prison_term_prediction_without_article", "nlog_distance", Rule::Term),
    row("3-5", "prison_term_prediction_with_article", "nlog_distance", Rule::Term),
    row("3-6", "case_analysis", "accuracy", Rule::Letter { options: "ABCD", at: 5 }),
    row("3-7", "criminal_damages_calculation", "accuracy", Rule::Amount),
    row("3-8", "consultation", "rouge_l", Rule::RougeL { prefix: "" }),
];

/// The task of a number, and its place in [`TASKS`].
pub fn task(id: &str) -> Option<(usize, &'static Task)> {
    static ALL: [Task; 20] = TASKS;
    ALL.iter().enumerate().find(|(_, task)| task.id == id)
}
