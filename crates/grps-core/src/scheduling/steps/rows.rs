//! Places of sequences in the slots: which rows go where, so that those that are stepped come first.

/// The new place of each row, or of what takes a row for the first time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arrangement {
    /// For each of `wanted`, its new row.
    pub(crate) places: Vec<usize>,
    /// Rows that go to another place: from, to.
    pub(crate) moves: Vec<(usize, usize)>,
}

/// Arranges rows with few moves: what keeps its row, keeps it if it can.
///
/// `wanted` has, for each sequence, its row (`None` for a new one) and whether it is stepped; those
/// that are stepped get the first rows.
pub(crate) fn arrange(wanted: &[(Option<usize>, bool)]) -> Arrangement {
    let running = wanted.iter().filter(|(_, is_stepped)| *is_stepped).count();
    let mut taken = vec![false; wanted.len()];
    let belongs = |row: usize, is_stepped: bool| (row < running) == is_stepped;
    for (row, is_stepped) in wanted {
        if let Some(row) = row
            && belongs(*row, *is_stepped)
            && let Some(taken) = taken.get_mut(*row)
        {
            *taken = true;
        }
    }
    let (mut first, mut second) = (0, running);
    let mut free = |is_stepped: bool| {
        let next = if is_stepped { &mut first } else { &mut second };
        while taken.get(*next).copied().unwrap_or(false) {
            *next += 1;
        }
        *next += 1;
        *next - 1
    };
    let total = wanted.len();
    let place = |(row, is_stepped): &(Option<usize>, bool)| match row {
        Some(row) if *row < total && belongs(*row, *is_stepped) => *row,
        _ => free(*is_stepped),
    };
    let places: Vec<usize> = wanted.iter().map(place).collect();
    let moves = wanted.iter().zip(&places);
    let moves = moves.filter_map(|((row, _), place)| Some(((*row)?, *place)));
    let moves = moves.filter(|(from, to)| from != to).collect();
    Arrangement { places, moves }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_row_takes_the_place_of_one_that_ended() {
        let arranged = arrange(&[(Some(0), true), (Some(2), true)]);
        assert_eq!(arranged, Arrangement { places: vec![0, 1], moves: vec![(2, 1)] });
    }

    #[test]
    fn what_is_not_stepped_goes_behind_what_is() {
        let arranged = arrange(&[(Some(0), false), (Some(1), true), (None, true)]);
        assert_eq!(arranged.places, [2, 1, 0]);
        assert_eq!(arranged.moves, [(0, 2)]);
    }

    proptest! {
        #[test]
        fn rows_are_taken_once_and_without_a_gap(
            rows in prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 0..40),
        ) {
            // Which rows exist, whether each is stepped, and whether it stays.
            let old = rows.iter().enumerate().filter(|(_, row)| row.0);
            let mut wanted: Vec<_> = old.map(|(at, row)| (Some(at), row.1)).collect();
            wanted.extend(rows.iter().filter(|row| row.2).map(|row| (None, row.1)));
            let arranged = arrange(&wanted);
            let running = wanted.iter().filter(|(_, stepped)| *stepped).count();
            let mut places = arranged.places.clone();
            for ((_, stepped), place) in wanted.iter().zip(&places) {
                prop_assert_eq!(*place < running, *stepped);
            }
            places.sort_unstable();
            prop_assert_eq!(places, (0..wanted.len()).collect::<Vec<_>>());
        }
    }
}
