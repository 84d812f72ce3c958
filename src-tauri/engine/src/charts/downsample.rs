//! M4: of each column the first, lowest, highest and last point, so that no spike is lost (Jugel et al., VLDB 2014).

/// The places of the points to keep, ascending. `column` is each point's column, ascending; `value` its height. Also
/// kept is the first point of each column that `must` be shown.
pub(super) fn m4<T>(
    points: &[T],
    column: impl Fn(&T) -> i64,
    value: impl Fn(&T) -> f64,
    must: impl Fn(&T) -> bool,
) -> Vec<usize> {
    let mut kept = Vec::new();
    let mut start = 0;
    for group in points.chunk_by(|one, other| column(one) == column(other)) {
        let by_value = |one: &usize, other: &usize| value(&points[*one]).total_cmp(&value(&points[*other]));
        let places = start..start + group.len();
        let mut of_column: Vec<usize> = [
            Some(places.start),
            places.clone().min_by(by_value),
            places.clone().max_by(by_value),
            places.clone().find(|place| must(&points[*place])),
            Some(places.end - 1),
        ]
        .into_iter()
        .flatten()
        .collect();
        of_column.sort_unstable();
        of_column.dedup();
        kept.extend(of_column);
        start = places.end;
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn extremes_ends_and_musts_of_every_column_stay(values in prop::collection::vec((0.0f64..1e6, any::<bool>()), 1..400), width in 1usize..40) {
            let points: Vec<(usize, f64, bool)> =
                values.iter().enumerate().map(|(place, (value, must))| (place, *value, *must)).collect();
            let kept = m4(&points, |point| (point.0 / width) as i64, |point| point.1, |point| point.2);
            prop_assert!(kept.windows(2).all(|pair| pair[0] < pair[1]));
            for column in points.chunks(width) {
                let mine: Vec<_> = kept.iter().map(|place| points[*place]).filter(|point| point.0 / width == column[0].0 / width).collect();
                prop_assert!(mine.len() <= 5);
                let highest = |list: &[(usize, f64, bool)]| list.iter().map(|point| point.1).fold(f64::MIN, f64::max);
                let lowest = |list: &[(usize, f64, bool)]| list.iter().map(|point| point.1).fold(f64::MAX, f64::min);
                prop_assert!((highest(&mine) - highest(column)).abs() < f64::EPSILON);
                prop_assert!((lowest(&mine) - lowest(column)).abs() < f64::EPSILON);
                prop_assert_eq!(mine.first(), column.first());
                prop_assert_eq!(mine.last(), column.last());
                prop_assert_eq!(mine.iter().any(|point| point.2), column.iter().any(|point| point.2));
            }
        }
    }
}
