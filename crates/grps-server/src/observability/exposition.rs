//! Writes metrics in the text formats of Prometheus: 0.0.4, and OpenMetrics 1.0, which also has
//! units and exemplars.

use std::fmt::{Display, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `text/plain; version=0.0.4`.
    Plain,
    /// `application/openmetrics-text; version=1.0.0`.
    OpenMetrics,
}

/// The type of a metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
    Info,
}

/// Names and values of labels.
pub(crate) type Labels<'a> = &'a [(&'a str, &'a str)];

/// An exemplar: one request of a bucket.
pub(crate) struct ExemplarText {
    /// Names and values of its labels.
    pub(crate) labels: Vec<(&'static str, String)>,
    /// Duration of the request in seconds.
    pub(crate) value: f64,
    /// When the request ended.
    pub(crate) ended: SystemTime,
}

/// Metrics as text, family by family.
pub(crate) struct Exposition {
    format: Format,
    text: String,
    /// Name of the current family.
    name: String,
    /// Type of the current family.
    kind: Kind,
}

impl Exposition {
    /// Creates an empty text.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, text: String::new(), name: String::new(), kind: Kind::Gauge }
    }

    /// Starts a family. Its name ends with the unit, if any, and has no suffix for its type.
    pub(crate) fn family(&mut self, kind: Kind, name: &str, unit: Option<&str>, help: &str) {
        (self.kind, self.name) = (kind, name.to_owned());
        let is_open_metrics = self.format == Format::OpenMetrics;
        // In the plain format a family has the same name as its samples.
        let shown = match (kind, is_open_metrics) {
            (Kind::Counter, false) => format!("{name}_total"),
            (Kind::Info, false) => format!("{name}_info"),
            _ => name.to_owned(),
        };
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
            Kind::Info if is_open_metrics => "info",
            Kind::Gauge | Kind::Info => "gauge",
        };
        self.line(format_args!("# TYPE {shown} {kind}"));
        if let Some(unit) = unit.filter(|_| is_open_metrics) {
            self.line(format_args!("# UNIT {shown} {unit}"));
        }
        self.line(format_args!("# HELP {shown} {help}"));
    }

    /// Writes a sample of a counter, gauge or info.
    pub(crate) fn sample(&mut self, labels: Labels<'_>, value: f64) {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram | Kind::Summary => "",
        };
        self.start(suffix, labels, None);
        self.line(format_args!("{}", Number(value)));
    }

    /// Writes a histogram: how many values are below each bound, how many there are, and their sum.
    pub(crate) fn histogram(
        &mut self,
        labels: Labels<'_>,
        below: impl Iterator<Item = (f64, u64, Option<ExemplarText>)>,
        (count, sum): (u64, f64),
        beyond: Option<ExemplarText>,
    ) {
        let all = below.chain([(f64::INFINITY, count, beyond)]);
        for (bound, count, exemplar) in all {
            self.start("_bucket", labels, Some(("le", bound)));
            let _ = write!(self.text, "{count}");
            if let Some(exemplar) = exemplar.filter(|_| self.format == Format::OpenMetrics) {
                self.exemplar(&exemplar);
            }
            self.text.push('\n');
        }
        self.totals(labels, (count, sum));
    }

    /// Writes a summary: values at quantiles from 0 to 1, how many values there are, and their sum.
    pub(crate) fn summary(
        &mut self,
        labels: Labels<'_>,
        quantiles: impl Iterator<Item = (f64, f64)>,
        totals: (u64, f64),
    ) {
        for (quantile, value) in quantiles {
            self.start("", labels, Some(("quantile", quantile)));
            self.line(format_args!("{}", Number(value)));
        }
        self.totals(labels, totals);
    }

    /// The whole text.
    pub(crate) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn totals(&mut self, labels: Labels<'_>, (count, sum): (u64, f64)) {
        self.start("_count", labels, None);
        self.line(format_args!("{count}"));
        self.start("_sum", labels, None);
        self.line(format_args!("{}", Number(sum)));
    }

    fn start(&mut self, suffix: &str, labels: Labels<'_>, extra: Option<(&str, f64)>) {
        self.text.push_str(&self.name);
        self.text.push_str(suffix);
        if !labels.is_empty() || extra.is_some() {
            let mut separator = '{';
            for (name, value) in labels {
                let _ = write!(self.text, "{separator}{name}=\"{}\"", Escaped(value));
                separator = ',';
            }
            if let Some((name, value)) = extra {
                let _ = write!(self.text, "{separator}{name}=\"{}\"", Number(value));
            }
            self.text.push('}');
        }
        self.text.push(' ');
    }

    fn exemplar(&mut self, exemplar: &ExemplarText) {
        let mut separator = '{';
        self.text.push_str(" # ");
        for (name, value) in &exemplar.labels {
            let _ = write!(self.text, "{separator}{name}=\"{}\"", Escaped(value));
            separator = ',';
        }
        let ended =
            exemplar.ended.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64();
        let _ = write!(self.text, "}} {} {ended:.3}", Number(exemplar.value));
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string can't fail.
        let _ = self.text.write_fmt(text);
        self.text.push('\n');
    }
}

/// A number in the syntax of both formats.
struct Number(f64);

impl Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            value if value.is_nan() => f.write_str("NaN"),
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            value => value.fmt(f),
        }
    }
}

/// An escaped label value.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(format: Format) -> String {
        let mut text = Exposition::new(format);
        text.family(Kind::Counter, "requests", None, "Requests.");
        text.sample(&[("model", "a\"b\\c\nd")], 3.0);
        text.family(Kind::Histogram, "took_seconds", Some("seconds"), "How long.");
        let exemplar = |value| ExemplarText {
            labels: vec![("request_id", "x".to_owned())],
            value,
            ended: UNIX_EPOCH + Duration::from_millis(1500),
        };
        let below = [(0.5, 1, Some(exemplar(0.25))), (1.0, 1, None)];
        text.histogram(&[], below.into_iter(), (2, 2.25), None);
        text.finish()
    }

    #[test]
    fn open_metrics_have_units_and_exemplars() {
        let expected = r#"# TYPE requests counter
# HELP requests Requests.
requests_total{model="a\"b\\c\nd"} 3
# TYPE took_seconds histogram
# UNIT took_seconds seconds
# HELP took_seconds How long.
took_seconds_bucket{le="0.5"} 1 # {request_id="x"} 0.25 1.500
took_seconds_bucket{le="1"} 1
took_seconds_bucket{le="+Inf"} 2
took_seconds_count 2
took_seconds_sum 2.25
# EOF
"#;
        assert_eq!(write(Format::OpenMetrics), expected);
    }

    #[test]
    fn the_plain_format_has_neither_units_nor_exemplars() {
        let expected = r#"# TYPE requests_total counter
# HELP requests_total Requests.
requests_total{model="a\"b\\c\nd"} 3
# TYPE took_seconds histogram
# HELP took_seconds How long.
took_seconds_bucket{le="0.5"} 1
took_seconds_bucket{le="1"} 1
took_seconds_bucket{le="+Inf"} 2
took_seconds_count 2
took_seconds_sum 2.25
"#;
        assert_eq!(write(Format::Plain), expected);
    }

    #[test]
    fn special_numbers_have_names() {
        let shown = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.000032, 1e21]
            .map(|value| Number(value).to_string());
        assert_eq!(shown, ["NaN", "+Inf", "-Inf", "0.000032", "1000000000000000000000"]);
    }
}
