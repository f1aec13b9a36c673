//! Tests of series on a simulated clock.

use super::*;

const NOON_S: u64 = 20_000 * 24 * 60 * 60;

fn trend(series: &Series, now_s: u64) -> Vec<Option<f64>> {
    match series.read(now_s) {
        Points::Trend(points) => points,
        Points::Distribution(_) => panic!("expected a trend"),
    }
}

/// The latest day, hour, minute and second.
fn latest(series: &Series, now_s: u64) -> [Option<f64>; 4] {
    let points = trend(series, now_s);
    assert_eq!(points.len(), 174);
    [29, 53, 113, 173].map(|index| points[index])
}

#[test]
fn each_kind_combines_the_values_of_a_period() {
    for (kind, expected, idle) in [
        (Kind::Average, [3.0; 4], Some(0.0)),
        (Kind::Max, [5.0; 4], Some(0.0)),
        (Kind::Min, [1.0; 4], None),
        (Kind::Increment, [6.0 / 86_400.0, 6.0 / 3_600.0, 0.1, 6.0], Some(0.0)),
    ] {
        let mut series = Series::new(kind);
        series.add(NOON_S, 1.0);
        series.add(NOON_S, 5.0);
        assert_eq!(latest(&series, NOON_S), expected.map(Some), "{kind:?}");
        let points = trend(&series, NOON_S);
        assert!(points[..29].iter().chain(&points[114..173]).all(|point| *point == idle));
    }
}

#[test]
fn old_values_move_to_longer_periods_and_expire() {
    let mut series = Series::new(Kind::Increment);
    series.add(NOON_S, 2.0);
    let second = |now_s: u64, index: usize| trend(&series, now_s)[index];
    assert_eq!(second(NOON_S + 1, 172), Some(2.0));
    assert_eq!(second(NOON_S + 59, 114), Some(2.0));
    assert!(trend(&series, NOON_S + 60)[114..].iter().all(|point| *point == Some(0.0)));
    assert_eq!(second(NOON_S + 60, 112), Some(2.0 / 60.0));
    assert_eq!(second(NOON_S + 29 * 86_400, 0), Some(2.0 / 86_400.0));
    assert!(trend(&series, NOON_S + 30 * 86_400).iter().all(|point| *point == Some(0.0)));
}

#[test]
fn rings_keep_only_the_points_they_return() {
    let mut series = Series::new(Kind::Max);
    for offset in 0..1000 {
        series.add(NOON_S + offset, offset as f64);
    }
    assert_eq!(series.rings.last().unwrap().kept.len(), 60);
    assert_eq!(trend(&series, NOON_S + 999)[114], Some(940.0));
}

#[test]
fn no_value_is_lost_when_the_clock_is_set_back() {
    let mut series = Series::new(Kind::Increment);
    series.add(NOON_S, 1.0);
    series.add(NOON_S - 10, 1.0);
    assert_eq!(trend(&series, NOON_S)[173], Some(2.0));
    let early = Series::new(Kind::Max);
    assert_eq!(trend(&early, 0).len(), 174);
}

#[test]
fn a_distribution_covers_the_latest_minute() {
    let mut series = Series::new(Kind::Distribution);
    series.add(NOON_S, 1_000_000.0);
    for value in 1..=1000 {
        series.add(NOON_S + 60, f64::from(value));
    }
    let Points::Distribution(points) = series.read(NOON_S + 60) else { panic!("no trend") };
    assert_eq!(points.len(), 20);
    assert_eq!((points[0], points[8], points[17]), ((10, 100.0), (90, 900.0), (99, 990.0)));
    assert_eq!((points[18], points[19]), ((100, 999.0), (101, 1000.0)));
    let Points::Distribution(idle) = series.read(NOON_S + 200) else { panic!("no trend") };
    assert!(idle.iter().all(|(_, value)| *value == 0.0));
}

#[test]
fn a_distribution_keeps_the_latest_values() {
    let mut series = Series::new(Kind::Distribution);
    for value in 0..SAMPLES + 5 {
        series.add(NOON_S, value as f64);
    }
    assert_eq!(series.samples.len(), SAMPLES);
    assert_eq!(series.samples.front(), Some(&(NOON_S, 5.0)));
}
