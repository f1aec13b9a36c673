//! Metrics of callers with limits in a minute.

use crate::app::App;
use crate::auth::caller_stats::LimitKind;
use crate::observability::exposition::{Exposition, Kind};

/// Writes them.
pub(super) fn write(app: &App, text: &mut Exposition) {
    let callers = app.auth.stats();
    if callers.is_empty() {
        return;
    }
    let help = "Tokens of language models that a caller with a limit in a minute has used.";
    text.family(Kind::Counter, "grps_caller_tokens", None, help);
    for (caller, stats) in &callers {
        let kinds = [("prompt", stats.prompt_tokens()), ("generated", stats.generated_tokens())];
        for (kind, tokens) in kinds {
            text.sample(&[("caller", caller), ("kind", kind)], tokens as f64);
        }
    }
    let help = "Requests that a limit of such a caller has refused.";
    text.family(Kind::Counter, "grps_caller_refused_requests", None, help);
    for (caller, stats) in &callers {
        for kind in LimitKind::ALL {
            let labels = [("caller", caller.as_str()), ("limit", kind.name())];
            text.sample(&labels, stats.refused(kind) as f64);
        }
    }
}
