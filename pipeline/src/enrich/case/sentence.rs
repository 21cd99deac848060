//! Defines what each accused is sentenced to, all charges together.

use corpus_format::legal::Penalty;

use super::Sentence;
use crate::enrich::amount;

// The accused whom a statement of the operative part is about.
pattern!(
    ACCUSED,
    r"(?:被告人|被告单位|上诉人|罪犯)(?:[（(][^（）()]{1,20}[）)])?(?P<name>[^犯；。，\n]{1,24}?)(?:[（(][^（）()]{0,20}[）)])?犯[^。；\n]*?罪"
);
pattern!(
    PENALTY,
    r"(?P<suspended_death>死刑[，,]?缓期[二两]年执行)|(?P<death>死刑)|(?P<life>无期徒刑)|(?P<fixed>有期徒刑)|(?P<detention>拘役)|(?P<surveillance>管制)|(?P<exempted>免[予于]刑事处[罚分])|(?P<fine>判处罚金|单处罚金)"
);
pattern!(PROBATION, r"缓刑(?:考验期)?");
// The last fine: where terms are merged, the merged one follows.
pattern!(FINE, &format!(r"罚金(?:人民币)?\s*(?P<amount>{})\s*元", amount::DIGITS));

/// The sentences in an operative part, in its order.
pub fn sentences(disposition: &str) -> Vec<Sentence> {
    let statements = disposition.split(['\n', '。']).flat_map(items).filter(|s| !is_about_another(s));
    let mut by_name: Vec<(String, String)> = Vec::new();
    for statement in statements {
        let starts: Vec<_> =
            ACCUSED.captures_iter(statement).filter_map(|c| Some((c.get(0)?.start(), c["name"].to_owned()))).collect();
        let mut rest = if starts.is_empty() { 0 } else { starts[0].0 };
        for (i, (_, name)) in starts.iter().enumerate() {
            let end = starts.get(i + 1).map_or(statement.len(), |(next, _)| *next);
            match by_name.iter_mut().find(|(known, _)| known == name) {
                Some((_, told)) => told.push_str(&statement[rest..end]),
                None => by_name.push((name.clone(), statement[rest..end].to_owned())),
            }
            rest = end;
        }
        // 决定执行 may be a statement of its own.
        if let (true, Some((_, told))) = (starts.is_empty() && statement.contains("执行"), by_name.last_mut()) {
            told.push_str(statement);
        }
    }
    by_name.iter().filter_map(|(_, told)| sentence(told)).collect()
}

/// The numbered items of a line.
fn items(line: &str) -> Vec<&str> {
    let mut cuts = vec![0];
    for (at, _) in line.match_indices('、') {
        let number = line[..at].chars().next_back().filter(|c| "一二三四五六七八九十".contains(*c));
        let start = at - number.map_or(0, char::len_utf8);
        let is_start = line[..start].ends_with(['；', ';', ' ', '。']) || start == 0;
        if number.is_some() && is_start && start > 0 {
            cuts.push(start);
        }
    }
    cuts.push(line.len());
    cuts.windows(2).map(|w| &line[w[0]..w[1]]).collect()
}

/// Whether a statement is about the decision of another court, which it upholds or sets aside.
fn is_about_another(statement: &str) -> bool {
    let bare = statement.trim_start_matches(|c: char| c.is_whitespace() || "一二三四五六七八九十、：".contains(c));
    ["维持", "撤销", "驳回"].iter().any(|word| bare.starts_with(word))
}

fn sentence(told: &str) -> Option<Sentence> {
    let told = without_brackets(told);
    let last = told.rfind("决定执行").or_else(|| told.rfind("合并执行")).map_or(told.as_str(), |at| &told[at..]);
    let found = PENALTY.captures(last).or_else(|| PENALTY.captures(&told))?;
    let penalty = [
        ("suspended_death", Penalty::SuspendedDeath),
        ("death", Penalty::Death),
        ("life", Penalty::Life),
        ("fixed", Penalty::FixedTerm),
        ("detention", Penalty::Detention),
        ("surveillance", Penalty::Surveillance),
        ("exempted", Penalty::Exempted),
        ("fine", Penalty::Fine),
    ]
    .into_iter()
    .find(|(group, _)| found.name(group).is_some())?
    .1;
    let has_term = matches!(penalty, Penalty::FixedTerm | Penalty::Detention | Penalty::Surveillance);
    let after = &last[found.get(0)?.end().min(last.len())..];
    let months = if has_term { amount::months(after.trim_start()) } else { None };
    let suspended_months = PROBATION.find(last).and_then(|m| amount::months(&last[m.end()..]));
    let fine = FINE.captures_iter(last).last().and_then(|c| amount::yuan(&c["amount"]));
    Some(Sentence { penalty, months, suspended_months, fine_yuan: fine.map(|yuan| yuan as u64) })
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0_u32;
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '（' | '(' => depth += 1,
            '）' | ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(disposition: &str) -> Vec<String> {
        let number = |n: Option<u16>| n.map_or("-".to_owned(), |n| n.to_string());
        let all = sentences(disposition).into_iter();
        all.map(|s| {
            format!(
                "{} {} {} {}",
                s.penalty,
                number(s.months),
                number(s.suspended_months),
                s.fine_yuan.map_or("-".to_owned(), |n| n.to_string())
            )
        })
        .collect()
    }

    #[test]
    fn one_accused_one_charge() {
        assert_eq!(
            shown(
                "\n被告人张某犯危险驾驶罪，判处拘役四个月，缓刑六个月，并处罚金人民币一万二千元。\n（罚金于判决生效之日起十日内缴纳）。"
            ),
            ["detention 4 6 12000"]
        );
        assert_eq!(shown("被告人张某犯滥伐林木罪，判处罚金人民币5000元。"), ["fine - - 5000"]);
    }

    #[test]
    fn several_charges_are_taken_together_and_every_accused_apart() {
        let text = "一、被告人张某犯盗窃罪，判处有期徒刑一年，并处罚金二千元；犯抢劫罪，判处有期徒刑三年，并处罚金三千元；决定执行有期徒刑三年六个月，并处罚金人民币五千元；\
                    二、被告人李某犯盗窃罪，判处有期徒刑六个月，缓刑一年，并处罚金1000元。\n三、责令退赔。";
        assert_eq!(shown(text), ["fixed_term 42 - 5000", "fixed_term 6 12 1000"]);
    }

    #[test]
    fn what_another_court_decided_is_no_sentence() {
        let text = "一、维持某法院判决中对被告人张某犯贩卖毒品罪的定罪部分。二、撤销对被告人张某犯贩卖毒品罪判处有期徒刑十个月的部分。\
                    三、上诉人（原审被告人）张某犯贩卖毒品罪，判处有期徒刑八个月，并处罚金人民币六千元（已缴纳）。";
        assert_eq!(shown(text), ["fixed_term 8 - 6000"]);
        assert_eq!(shown("驳回上诉，维持原判。"), Vec::<String>::new());
        assert_eq!(
            shown("被告人张某犯故意杀人罪，判处死刑，缓期二年执行，剥夺政治权利终身。"),
            ["suspended_death - - -"]
        );
    }
}
