//! Clean text by named rules; every rule counts what it changed.

/// Lines broken in the middle of a sentence.
pub mod broken;
/// Masks that courts set.
pub mod court_masks;
/// Years and amounts.
pub mod figures;
/// HTML pages.
pub mod html;
/// Lines: blank ones, edges, spaced headings.
pub mod layout;
/// What sites and Word leave in a text.
pub mod leftovers;
/// Markdown and HTML remnants.
pub mod markup;
/// Names of people.
pub mod names;
/// Numbers and dates that are a person's.
pub mod privacy;
/// Characters: composition, width, spaces, invisible and lost characters.
pub mod unicode;

/// Declares the rules with their name in reports.
macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A cleaning rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Rule { $($(#[$doc])* $variant,)+ }

        impl Rule {
            /// Every rule, in the order of the work.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in reports.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

rules! {
    /// The elements of an HTML page are reduced to lines of text.
    Html = "HTML reduced to lines",
    /// Entities that were escaped twice, and `[ly]` and `01lydyh01` for a line break and a quote.
    Unescaped = "twice escaped character decoded",
    /// What Word left behind: `{C}<!--TABLE…-->`, fields of page numbers.
    WordJunk = "Word's leftovers removed",
    /// A line that ends in the middle of a sentence is joined with the next.
    Rejoined = "line broken in a sentence rejoined",
    /// The line in which the site says when a page was published and how often it was seen.
    Banner = "site banner removed",
    /// CR and CRLF become LF; U+2028 and U+2029 too.
    LineBreak = "line break unified",
    /// Canonical composition (NFC), compatibility ideographs included.
    Composed = "composed (NFC)",
    /// Full-width digits and Latin letters become ASCII; punctuation stays as it is.
    WidthFolded = "full-width letter or digit folded",
    /// U+3000, NBSP and other spaces become a space.
    SpaceFolded = "wide or no-break space folded",
    /// Zero-width characters, soft hyphens and marks of direction or order are removed.
    InvisibleRemoved = "invisible character removed",
    /// Control characters are removed.
    ControlRemoved = "control character removed",
    /// A private-use character stood for one that the source lost; it becomes U+FFFD.
    PrivateUse = "private-use character marked as lost",
    /// A block of YAML at the start of a page is removed.
    FrontMatter = "front matter removed",
    /// HTML comments are removed.
    Comment = "comment removed",
    /// Emphasis, break tags and links are reduced to their text.
    Inline = "inline markup removed",
    /// A table of contents is removed.
    Contents = "table of contents removed",
    /// 总 则 becomes 总则.
    SpacedHeading = "spaced heading joined",
    /// 第二条 in the line of 第一条 begins a line of its own.
    JoinedArticle = "article set apart from the one before it",
    /// Spaces at the edges of a line and runs of spaces inside it are removed.
    Spaces = "spaces trimmed",
    /// The zero of a year in words is 〇.
    YearZero = "zero of a year unified",
    /// 3，000元 is 3000元.
    Thousands = "separator of thousands removed",
    /// A mask of the court's own is 某 in a name, × elsewhere.
    CourtMask = "mask of the court unified",
    /// Where in a county somebody lives.
    Address = "street address masked",
    /// An identity card's number, by its check digit or the words before it.
    IdentityCard = "identity-card number masked",
    /// A telephone number.
    Phone = "telephone number masked",
    /// A bank card's or account's number, by its check digit or the words before it.
    Account = "bank account number masked",
    /// An e-mail address.
    Email = "e-mail address masked",
    /// A car's number after its province and city.
    Plate = "number plate masked",
    /// A person's name.
    Name = "name masked",
    /// Month and day of a birth date.
    BirthDate = "birth date reduced to its year",
    /// A number between a statute's first and last article that no article has; nothing is changed.
    MissingArticle = "article number missing from the sequence",
    /// An article with the number of another of its statute; nothing is changed.
    RepeatedArticle = "article number repeated",
}

/// How often each rule changed or found something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleCounts([u64; Rule::ALL.len()]);

impl RuleCounts {
    /// Count one change.
    pub fn hit(&mut self, rule: Rule) {
        self.0[rule as usize] += 1;
    }

    /// Count several changes.
    pub fn add_count(&mut self, rule: Rule, count: u64) {
        self.0[rule as usize] += count;
    }

    /// Add another document's counts.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, n)| *sum += n);
    }

    /// Each rule with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Rule, u64)> {
        Rule::ALL.iter().copied().zip(self.0)
    }

    /// Add `count` under the rule of that name; unknown names are ignored.
    pub fn add_named(&mut self, name: &str, count: u64) {
        if let Some(rule) = Rule::ALL.iter().find(|rule| rule.as_str() == name) {
            self.0[*rule as usize] += count;
        }
    }
}
