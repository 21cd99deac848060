//! Defines what a court document says of its case.

/// Charges and causes of action.
pub mod charge;
/// Courts, their level, the instance, and the type of a court document.
pub mod court;
/// What is decided.
pub mod outcome;
/// Parties.
pub mod party;
/// Provinces.
pub mod region;
/// What each accused is sentenced to.
pub mod sentence;
/// Who signs.
pub mod signature;

use corpus_format::legal::{CourtLevel, DocumentType, Instance, Outcome, PartyKind, Penalty, Procedure, Section};

use super::number;
use crate::segment::judgment::{self, Span};

pattern!(PROCEDURE, r"(?:适用|按照?|依照|转为|转入|变更为)[^。，；\n]{0,8}?(?P<name>速裁|简易|普通|特别|督促)程序");

/// The metadata of a court document, as far as it states it.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct CaseFacts {
    /// Level of the court.
    pub court_level: Option<CourtLevel>,
    /// Province of the court.
    pub province: Option<&'static str>,
    /// The parts of the case number.
    pub number: Option<NumberParts>,
    /// Instance.
    pub instance: Option<Instance>,
    /// Procedure.
    pub procedure: Option<Procedure>,
    /// Cause of action (案由), of a case that is not criminal.
    pub cause: Option<String>,
    /// Charges (罪名), of a criminal case, without repeats.
    pub charges: Vec<String>,
    /// Parties in the order in which they are introduced.
    pub parties: Vec<Party>,
    /// Judges, assessors and clerks in the order in which they sign.
    pub judges: Vec<Judge>,
    /// What is decided.
    pub outcome: Option<Outcome>,
    /// What each accused is sentenced to.
    pub sentences: Vec<Sentence>,
    /// Amounts of money that are ordered to be paid, fines aside, in yuan.
    pub amounts_yuan: Vec<f64>,
}

/// What is known of a document before its facts are read.
pub struct Known<'a> {
    /// Its title.
    pub title: &'a str,
    /// Its type.
    pub document_type: DocumentType,
    /// The court.
    pub court: Option<&'a str>,
    /// The case number in canonical form.
    pub number: Option<&'a str>,
}

/// Read the facts of a case from the text of a court document and its sections.
pub fn facts(text: &str, sections: &[Span], known: &Known<'_>) -> CaseFacts {
    let part = |section| judgment::text_of(text, sections, section);
    let [header, facts, disposition] = [Section::Header, Section::Facts, Section::Disposition].map(part);
    let number = known.number.and_then(number::parts);
    // The name that a site gave the case says it where the number does not: 刑重字, …一审刑事判决书.
    let instance = court::instance(known.number, known.title).or_else(|| court::instance(None, part(Section::Title)));
    let is_criminal = match &number {
        Some(number) => number.case_type.contains('刑'),
        None => part(Section::Title).contains("刑事") || known.title.contains("刑事"),
    };
    // A short ruling names the case where its facts begin: 本院在审理原告某甲与被告某乙买卖合同纠纷一案中.
    let opening = facts.split_inclusive('。').next().unwrap_or_default();
    // A judge's assistant may sign before the judge, with whom the signature begins.
    let before_signature = part(Section::Tail).rsplit('。').next().unwrap_or_default();
    let is_payment_order = number.as_ref().is_some_and(|number| number.case_type.contains('督'));
    let parties = party::parties(header);
    let decided = outcome::Decided { document_type: known.document_type, instance, is_criminal };
    let outcome = outcome::outcome(disposition, &decided);
    let convicts = matches!(outcome, Some(Outcome::Convicted | Outcome::Changed)) && is_criminal;
    CaseFacts {
        court_level: known.court.map(court::level),
        province: known.court.and_then(|court| region::province_of(number.as_ref(), court)),
        instance,
        procedure: procedure(header).or_else(|| is_payment_order.then_some(Procedure::PaymentOrder)),
        cause: if is_criminal { None } else { charge::cause(&[header, opening].concat(), known.title, &parties) },
        charges: if is_criminal { charges(header, facts, disposition, instance) } else { Vec::new() },
        judges: signature::judges(&format!("{before_signature}{}", part(Section::Signature))),
        sentences: if convicts { sentence::sentences(disposition) } else { Vec::new() },
        amounts_yuan: if is_criminal { Vec::new() } else { outcome::amounts(disposition) },
        outcome,
        parties,
        number,
    }
}

/// What the court convicts of, or else what the document is about.
fn charges(header: &str, facts: &str, disposition: &str, instance: Option<Instance>) -> Vec<String> {
    let ends_early = disposition.is_empty();
    let mut found = charge::committed(disposition);
    if found.is_empty() {
        // A ruling upholds or approves a sentence, and may do so for less than what was charged.
        found = charge::upheld(disposition);
    }
    if ends_early && instance != Some(Instance::First) {
        // The source ends before a court of appeal speaks, but the court below has spoken.
        found = charge::convicted_below(facts);
    }
    if found.is_empty() { accused_of(header, facts, ends_early) } else { found }
}

/// What the prosecution charges.
fn accused_of(header: &str, facts: &str, ends_early: bool) -> Vec<String> {
    // An indictment that was changed counts as it is since then.
    let [header, facts] = [header, facts].map(|part| part.rsplit("变更起诉").next().unwrap_or(part));
    let mut reads = [charge::alleged, charge::of_field].into_iter().flat_map(|read| [read(header), read(facts)]);
    let mut alleged = reads.find(|charges| !charges.is_empty()).unwrap_or_default();
    // Where the source ends before the court speaks, a co-accused may be charged further on. The account may drop 的 or
    // the first of two verbs.
    if ends_early {
        for charge in charge::demanded(facts) {
            let is_known = |known: &String| known.replace('的', "").ends_with(&charge.replace('的', ""));
            if !alleged.iter().any(is_known) {
                alleged.push(charge);
            }
        }
    }
    alleged
}

/// The procedure that the account of how the case came to the court names last: a change of it comes after.
fn procedure(header: &str) -> Option<Procedure> {
    let last = PROCEDURE.captures_iter(header).last()?;
    Some(match &last["name"] {
        "速裁" => Procedure::Expedited,
        "简易" => Procedure::Summary,
        "特别" => Procedure::Special,
        "督促" => Procedure::PaymentOrder,
        _ => Procedure::Ordinary,
    })
}

/// A case number in parts: （2017）沪0120刑初684号 is 2017, 沪0120, 刑初, 684.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberParts {
    /// Year in which the case was filed.
    pub year: u16,
    /// Sign of the court.
    pub court: String,
    /// Sign of the type of case.
    pub case_type: String,
    /// Number within court, year and type; 3-1 for the first ruling of case 3.
    pub serial: String,
}

/// A party to a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Its role: 原告, 被告人.
    pub role: String,
    /// Person or organization.
    pub kind: PartyKind,
    /// Its name as the text has it.
    pub name: String,
}

/// One who signs a court document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judge {
    /// Role: 审判长, 书记员.
    pub role: String,
    /// Name.
    pub name: String,
}

/// What one accused is sentenced to, all charges together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// Principal penalty.
    pub penalty: Penalty,
    /// Term in months.
    pub months: Option<u16>,
    /// Probation (缓刑) in months.
    pub suspended_months: Option<u16>,
    /// Fine in yuan.
    pub fine_yuan: Option<u64>,
}
