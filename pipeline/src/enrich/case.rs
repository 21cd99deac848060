//! Defines what a court document says of its case.

use corpus_format::legal::{CourtLevel, Instance, Outcome, PartyKind, Penalty, Procedure};

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
