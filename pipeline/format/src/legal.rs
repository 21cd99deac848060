//! Defines the legal vocabulary of the corpus: kinds and types of documents, courts, instances, parts.

use serde::{Deserialize, Serialize};

/// Declares an enum whose variants are stored in shards under a fixed name.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every variant, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name under which shards, manifests and the command line know it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The variant of that name, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

named! {
    /// What a source delivers, and which profile of rules its documents go through.
    Kind {
        /// Laws, regulations and interpretations (法典, 法规, 司法解释).
        Statute = "statute",
        /// Court documents (裁判文书), guiding cases (指导性案例) included.
        Judgment = "judgment",
        /// Records with an instruction and an answer.
        Instruction = "instruction",
        /// Evaluation sets; the pipeline never puts them into a corpus.
        Benchmark = "benchmark",
    }
}

named! {
    /// The type of a document within its kind.
    DocumentType {
        /// 宪法 and its amendments.
        Constitution = "constitution",
        /// 法律, passed by the National People's Congress or its Standing Committee.
        Law = "law",
        /// 行政法规, by the State Council.
        AdministrativeRegulation = "administrative_regulation",
        /// 司法解释, by the Supreme People's Court or Procuratorate.
        JudicialInterpretation = "judicial_interpretation",
        /// 地方性法规, by a local people's congress.
        LocalRegulation = "local_regulation",
        /// 部门规章, by a ministry or commission.
        DepartmentalRule = "departmental_rule",
        /// A statute whose issuing body is not stated.
        OtherStatute = "other_statute",
        /// 判决书.
        Judgment = "judgment",
        /// 裁定书.
        Ruling = "ruling",
        /// 调解书.
        MediationStatement = "mediation_statement",
        /// 决定书.
        Decision = "decision",
        /// 通知书.
        Notice = "notice",
        /// A case published as an example (指导性案例, 典型案例).
        GuidingCase = "guiding_case",
        /// A court document that does not say what it is.
        OtherCourtDocument = "other_court_document",
    }
}

named! {
    /// What an instruction record asks for. All but the given ones are derived from one document.
    InstructionKind {
        /// A text is given, law and number are asked.
        ArticleLookup = "article_lookup",
        /// Law and number are given, the text is asked.
        ArticleRecitation = "article_recitation",
        /// Whether an article is in force, and what it says.
        StatuteQuestion = "statute_question",
        /// The charge (罪名), from the facts of a criminal case.
        ChargePrediction = "charge_prediction",
        /// The articles that the decision rests on, from the facts.
        ArticlePrediction = "article_prediction",
        /// The sentence, from the facts of a criminal case.
        TermPrediction = "term_prediction",
        /// What the parties dispute (争议焦点), from the facts of a civil case.
        DisputeFocus = "dispute_focus",
        /// Reasoning and operative part, from the facts.
        JudgmentDrafting = "judgment_drafting",
        /// The operative part, from facts and reasoning.
        JudgmentSummary = "judgment_summary",
        /// A record that was given.
        Consultation = "consultation",
    }
}

impl InstructionKind {
    /// The kinds of records that are derived from a kind of document.
    pub const fn derived_from(kind: Kind) -> &'static [Self] {
        match kind {
            Kind::Statute => &[Self::ArticleLookup, Self::ArticleRecitation, Self::StatuteQuestion],
            Kind::Judgment => &[
                Self::ChargePrediction,
                Self::ArticlePrediction,
                Self::TermPrediction,
                Self::DisputeFocus,
                Self::JudgmentDrafting,
                Self::JudgmentSummary,
            ],
            Kind::Instruction | Kind::Benchmark => &[],
        }
    }
}

named! {
    /// Which side of the corpus a document is on.
    Split {
        /// Read by training.
        Train = "train",
        /// Held out; read by evaluation while training.
        Validation = "validation",
    }
}

named! {
    /// The level of a court (法院层级), which is not the instance of a case.
    CourtLevel {
        /// 基层人民法院.
        Basic = "basic",
        /// 中级人民法院, and special courts of that level.
        Intermediate = "intermediate",
        /// 高级人民法院.
        High = "high",
        /// 最高人民法院.
        Supreme = "supreme",
    }
}

named! {
    /// The instance of a case (审级).
    Instance {
        /// 一审.
        First = "first",
        /// 二审.
        Second = "second",
        /// 再审 and the review of applications for it.
        Retrial = "retrial",
    }
}

named! {
    /// The procedure by which a case was heard (审理程序), where the document says so.
    Procedure {
        /// 普通程序.
        Ordinary = "ordinary",
        /// 简易程序.
        Summary = "summary",
        /// 速裁程序.
        Expedited = "expedited",
        /// 特别程序.
        Special = "special",
        /// 督促程序.
        PaymentOrder = "payment_order",
    }
}

named! {
    /// What a party of a case is.
    PartyKind {
        /// A natural person.
        Person = "person",
        /// A company, an authority or another body.
        Organization = "organization",
    }
}

named! {
    /// What the operative part of a court document decides, in the main.
    Outcome {
        /// An accused is found guilty.
        Convicted = "convicted",
        /// Every accused is found not guilty.
        Acquitted = "acquitted",
        /// Claims are allowed, in full or in part.
        ClaimGranted = "claim_granted",
        /// Every claim is dismissed (驳回诉讼请求).
        ClaimDismissed = "claim_dismissed",
        /// The action is not admitted (驳回起诉, 不予受理).
        ActionDismissed = "action_dismissed",
        /// The action, appeal or application is withdrawn.
        WithdrawalGranted = "withdrawal_granted",
        /// The parties settle before the court.
        Mediated = "mediated",
        /// A higher court lets the decision stand.
        Affirmed = "affirmed",
        /// A higher court decides otherwise.
        Changed = "changed",
        /// A higher court sends the case back.
        Remanded = "remanded",
        /// A retrial is ordered.
        RetrialOrdered = "retrial_ordered",
        /// A retrial is refused.
        RetrialDenied = "retrial_denied",
        /// The case goes to another court, or stays against an objection.
        Jurisdiction = "jurisdiction",
        /// Enforcement, or this round of it, is closed.
        EnforcementEnded = "enforcement_ended",
        /// A sentence or decision is approved (核准, 同意).
        Approved = "approved",
        /// A term is reduced, or its rest suspended (减刑, 假释).
        Commuted = "commuted",
        /// Something else.
        Other = "other",
    }
}

named! {
    /// The principal penalty of a sentence (主刑).
    Penalty {
        /// 死刑, to be carried out.
        Death = "death",
        /// 死刑缓期二年执行.
        SuspendedDeath = "suspended_death",
        /// 无期徒刑.
        Life = "life",
        /// 有期徒刑.
        FixedTerm = "fixed_term",
        /// 拘役.
        Detention = "detention",
        /// 管制.
        Surveillance = "surveillance",
        /// A fine alone (单处罚金).
        Fine = "fine",
        /// 免予刑事处罚.
        Exempted = "exempted",
    }
}

named! {
    /// The parts of a court document, in the order of SPC 法〔2016〕221号.
    Section {
        /// 标题: court, document type and case number.
        Title = "title",
        /// 首部: parties, counsel and how the case came to the court.
        Header = "header",
        /// 事实: claims, evidence and what the court found.
        Facts = "facts",
        /// 理由: from 本院认为.
        Reasoning = "reasoning",
        /// 裁判依据: the statutes it rests on.
        LegalBasis = "legal_basis",
        /// 裁判主文: what is ordered.
        Disposition = "disposition",
        /// 尾部: costs and appeal.
        Tail = "tail",
        /// 落款: judges, date, clerk.
        Signature = "signature",
    }
}

named! {
    /// What the corpus says of a citation.
    CitationVerdict {
        /// The article, and the paragraph where one is named, are in the version in force.
        Ok = "ok",
        /// The version in force has no such article.
        NoSuchArticle = "no_such_article",
        /// The article has fewer paragraphs.
        NoSuchParagraph = "no_such_paragraph",
        /// The law was repealed before that day.
        Repealed = "repealed",
        /// The corpus does not have the law.
        UnresolvedLaw = "unresolved_law",
        /// The corpus has the law, but not the version of that day or no articles of it, or the document has no date.
        UnresolvedVersion = "unresolved_version",
    }
}
