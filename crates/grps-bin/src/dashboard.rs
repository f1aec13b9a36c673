//! The page at `/`, made of the parts that `grps/dashboard` has.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

macro_rules! part {
    ($name:literal) => {
        include_str!(concat!("../../../grps/dashboard/", $name))
    };
}

const SCRIPTS: [&str; 47] = [
    part!("scripts/texts.js"),
    part!("scripts/chat_texts.js"),
    part!("scripts/page_texts.js"),
    part!("scripts/playground_texts.js"),
    part!("scripts/basics.js"),
    part!("scripts/tables.js"),
    part!("scripts/views.js"),
    part!("scripts/charts/palette.js"),
    part!("scripts/charts/range.js"),
    part!("scripts/charts/past.js"),
    part!("scripts/charts/plot.js"),
    part!("scripts/charts/lines.js"),
    part!("scripts/charts/buckets.js"),
    part!("scripts/charts/heat.js"),
    part!("scripts/charts/spark.js"),
    part!("scripts/diagnose.js"),
    part!("scripts/header.js"),
    part!("scripts/overview.js"),
    part!("scripts/overview_charts.js"),
    part!("scripts/served.js"),
    part!("scripts/layout.js"),
    part!("scripts/graph.js"),
    part!("scripts/steps.js"),
    part!("scripts/services.js"),
    part!("scripts/traffic.js"),
    part!("scripts/selection.js"),
    part!("scripts/requests.js"),
    part!("scripts/capture.js"),
    part!("scripts/series.js"),
    part!("scripts/described.js"),
    part!("scripts/playground.js"),
    part!("scripts/media.js"),
    part!("scripts/results.js"),
    part!("scripts/copying.js"),
    part!("scripts/answers.js"),
    part!("scripts/empty.js"),
    part!("scripts/markdown.js"),
    part!("scripts/events.js"),
    part!("scripts/tokens.js"),
    part!("scripts/turns.js"),
    part!("scripts/chat.js"),
    part!("scripts/logs.js"),
    part!("scripts/appearance.js"),
    part!("scripts/commands.js"),
    part!("scripts/keys.js"),
    part!("scripts/clock.js"),
    part!("scripts/main.js"),
];

/// The page for the service of this name; its policy lets a browser run these scripts only.
pub(crate) fn dashboard_page(service: &str) -> String {
    let style =
        [part!("vendor/uPlot.min.css"), part!("style.css"), part!("playground.css")].concat();
    let own = format!("\"use strict\";\n(() => {{\n{}}})();\n", SCRIPTS.concat());
    let scripts = [part!("vendor/uPlot.iife.min.js"), own.as_str()];
    let digests = scripts
        .map(|script| format!("'sha256-{}'", STANDARD.encode(digest(&SHA256, script.as_bytes()))));
    let policy = format!(
        "default-src 'none'; connect-src 'self'; img-src data: blob:; media-src blob:; {}; {} {}",
        "style-src 'unsafe-inline'",
        "script-src",
        digests.join(" ")
    );
    let name = escaped(service);
    let title = if name.is_empty() { "GRPS".to_owned() } else { format!("{name} – GRPS") };
    let policy = format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">");
    let scripts = scripts.map(|script| format!("<script>{script}</script>")).concat();
    part!("index.html")
        .replace("<!-- title -->", &title)
        .replace("<!-- service -->", &name)
        .replace("<!-- policy -->", &policy)
        .replace("<!-- style -->", &format!("<style>{style}</style>"))
        .replace("<!-- scripts -->", &scripts)
}

fn escaped(text: &str) -> String {
    let plain = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    plain.replace('"', "&quot;").replace('\'', "&#x27;")
}
