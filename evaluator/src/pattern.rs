//! Defines a regular expression as a static, compiled at its first use.

/// `pattern!(NAME, r"…")` declares `NAME`; a pattern that is none is a defect.
macro_rules! pattern {
    ($name:ident, $regex:expr) => {
        static $name: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
            regex::Regex::new($regex).unwrap_or_else(|e| unreachable!("{}: {e}", stringify!($name)))
        });
    };
}
