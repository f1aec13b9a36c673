//! How far runs exceed what was predicted.

/// Upper limits of the classes of run time divided by prediction; larger ones are in the last class.
const LIMITS: [f64; 7] = [1.05, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0];
/// What a run leaves of the earlier ones.
const KEPT: f64 = 1.0 - 1.0 / 256.0;

/// Decaying counts of runs by their ratio to the prediction.
#[derive(Debug, Default)]
pub(super) struct Spread([f64; LIMITS.len()]);

impl Spread {
    /// Adds a run.
    pub(super) fn add(&mut self, ratio: f64) {
        let class = LIMITS.iter().position(|limit| ratio <= *limit).unwrap_or(LIMITS.len() - 1);
        for (index, count) in self.0.iter_mut().enumerate() {
            *count = *count * KEPT + if index == class { 1.0 } else { 0.0 };
        }
    }

    /// The ratio that this share of the runs does not exceed; at most 2, as smaller batches do not
    /// help against rare runs that take many times as long.
    pub(super) fn ratio(&self, share: f64) -> f64 {
        let wanted = self.0.iter().sum::<f64>() * share;
        let mut sum = 0.0;
        for (limit, count) in LIMITS.iter().zip(self.0) {
            sum += count;
            if sum >= wanted {
                return *limit;
            }
        }
        2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_runs_stays_within() {
        let mut spread = Spread::default();
        assert_eq!(spread.ratio(0.99), 1.05);
        for run in 0..1000 {
            spread.add(if run % 10 == 0 { 1.3 } else { 0.9 });
        }
        assert_eq!(spread.ratio(0.5), 1.05);
        assert_eq!(spread.ratio(0.99), 1.35);
        for _ in 0..1000 {
            spread.add(40.0);
        }
        assert_eq!(spread.ratio(0.5), 2.0);
    }
}
