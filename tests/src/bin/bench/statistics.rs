//! Medians and ratios.

use serde::Serialize;

/// What several repetitions gave.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// None without values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
        Some(Self { median: f64::midpoint(*low, *high), min, max })
    }
}

/// Of each repetition in both series, what `value` is of `base`; then the median, so that a machine that was busy in one repetition was so for both.
pub(crate) fn ratio(value: &[(u32, f64)], base: &[(u32, f64)]) -> Option<Spread> {
    let of_base = |wanted: u32| base.iter().find(|(repetition, _)| *repetition == wanted).map(|(_, base)| *base);
    Spread::of(value.iter().filter_map(|(repetition, value)| Some(value / of_base(*repetition)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two_middle_ones() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([3.0]), Some(Spread { median: 3.0, min: 3.0, max: 3.0 }));
        assert_eq!(Spread::of([9.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 9.0 }));
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 9.0]), Some(Spread { median: 3.0, min: 1.0, max: 9.0 }));
    }

    #[test]
    fn a_ratio_is_taken_within_each_repetition() {
        // The machine was half as fast in repetition 2: each tool ran at half its rate, and the ratio is the same.
        let (value, base) = ([(1, 90.0), (2, 45.0), (3, 80.0)], [(3, 100.0), (2, 50.0), (1, 100.0)]);
        assert_eq!(ratio(&value, &base), Some(Spread { median: 0.9, min: 0.8, max: 0.9 }));
        assert_eq!(ratio(&value, &[(7, 1.0)]), None);
    }
}
