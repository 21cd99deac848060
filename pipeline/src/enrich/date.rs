//! Defines how dates are read: 2014年3月3日, 二〇一四年三月三日, 2015-02-27.

use chrono::{Datelike, NaiveDate};
use corpus_format::numeral;

// A date in words or digits; the classes hold every zero that real documents use.
pattern!(
    DATE,
    r"([12][0-9]{3}|[一二][〇○ＯO0零一二三四五六七八九]{3})\s*[年\-.]\s*([0-9]{1,2}|[一二三四五六七八九十]{1,3})\s*[月\-.]\s*([0-9]{1,2}|[一二三四五六七八九十]{1,3})\s*日?"
);

/// Days since 1970-01-01, as Arrow's Date32 counts.
pub fn days(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - 719_163
}

/// The day that is `days` after 1970-01-01 as statutes write it: 2021年1月1日.
pub fn words(days: i32) -> Option<String> {
    let date = NaiveDate::from_num_days_from_ce_opt(days.checked_add(719_163)?)?;
    Some(format!("{}年{}月{}日", date.year(), date.month(), date.day()))
}

/// The first date in `text`.
pub fn first(text: &str) -> Option<NaiveDate> {
    all(text).next().map(|(_, date)| date)
}

/// Every date in `text` with the byte after it; what is no day of the calendar is skipped.
pub fn all(text: &str) -> impl Iterator<Item = (usize, NaiveDate)> {
    DATE.captures_iter(text).filter_map(|found| {
        let part = |i: usize| numeral::parse(&found[i]);
        let date = NaiveDate::from_ymd_opt(i32::try_from(part(1)?).ok()?, part(2)?, part(3)?)?;
        // Nothing in this field is older, and nothing is dated a century ahead.
        (1900..2100).contains(&date.year()).then_some((found.get(0)?.end(), date))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_every_writing() {
        let cases = [
            ("2014年3月3日", Some("2014-03-03")),
            ("二〇一四年三月三日", Some("2014-03-03")),
            ("二○一五年十二月三十一日", Some("2015-12-31")),
            ("二Ｏ一五年十月二十日", Some("2015-10-20")),
            ("二0一五年一月十日", Some("2015-01-10")),
            ("2015-02-27", Some("2015-02-27")),
            ("2015年2月30日", None),
            ("三年六个月", None),
        ];
        for (text, expected) in cases {
            assert_eq!(first(text).map(|d| d.to_string()).as_deref(), expected, "{text}");
        }
        let last = all("自2001年1月2日至2003年4月5日").last();
        assert_eq!(last.map(|(_, date)| days(date)), Some(12147));
        assert_eq!(days(NaiveDate::from_ymd_opt(1970, 1, 1).expect("a date")), 0);
    }
}
