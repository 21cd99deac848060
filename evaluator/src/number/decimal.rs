//! Prints numbers with a fraction as Python does.

/// A whole number and the digits of a fraction, rounded to as many places; none for more than sixteen. Beyond 10^14 the
/// last digit can differ from Python's.
pub(super) fn printed(whole: &str, digits: &[u8], is_negative: bool) -> Option<String> {
    if digits.len() > 16 {
        return None;
    }
    let whole: f64 = whole.parse().ok()?;
    // From the last digit on, as the published scores added them.
    let place = |at: usize| format!("1e-{}", at + 1).parse::<f64>().unwrap_or(0.0);
    let fraction = digits.iter().enumerate().rev().fold(0.0, |sum, (at, digit)| sum + f64::from(*digit) * place(at));
    let sum = rounded(whole + rounded(fraction, digits.len())?, digits.len())?;
    Some(shortest(if is_negative { -sum } else { sum }))
}

/// A double rounded to so many places, as decimal digits round it.
fn rounded(number: f64, places: usize) -> Option<f64> {
    format!("{number:.places$}").parse().ok()
}

/// A double with the fewest digits that tell it from others, with an exponent where Python has one.
fn shortest(number: f64) -> String {
    if number == 0.0 || (1e-4..1e16).contains(&number.abs()) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    format!("{mantissa}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_printed_in_full() {
        assert_eq!(printed("1", &[5, 7], false).as_deref(), Some("1.57"));
        assert_eq!(printed("12", &[0], true).as_deref(), Some("-12.0"));
        assert_eq!(printed("0", &[], false).as_deref(), Some("0.0"));
        assert_eq!(printed("0", &[0, 0, 0, 0, 1], false).as_deref(), Some("1e-05"));
        assert_eq!(printed("3", &[1; 17], false), None);
    }

    #[test]
    fn large_and_small_numbers_have_an_exponent() {
        let numbers = [(1e16, "1e+16"), (-1.5e-7, "-1.5e-07"), (123_456.789, "123456.789"), (1e-4, "0.0001")];
        for (number, text) in numbers {
            assert_eq!(shortest(number), text);
        }
    }
}
