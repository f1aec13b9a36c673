//! The calls about settings of traces and logs. They read when they change nothing.

use http::Response;

use crate::call::call::Call;
use crate::frontends::oip::grpc::messages::settings::{
    LogSetting, LogSettings, LogValue, TraceRequest, TraceResponse, TraceValue,
};
use crate::frontends::oip::inference::parameters::{Parameter, Parameters};
use crate::frontends::oip::service::{log_settings, trace_settings};
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::grpc::unary::serve_later;
use crate::frontends::shared::inference::lookup;
use crate::net::http::reply_body::ReplyBody;

/// Serves `TraceSetting`.
pub(super) async fn trace_setting(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve_later(call, request, |call, query: TraceRequest, may_change| async move {
        if !query.model_name.is_empty() {
            lookup::find(&call.app, &query.model_name, "")?;
        }
        let settings = trace_settings::read(&call.app);
        if !query.settings.is_empty() {
            may_change?;
        }
        for (name, TraceValue { value }) in &query.settings {
            let values: Vec<&str> = value.iter().map(String::as_str).collect();
            // Without values, a setting is reset.
            settings.check_change(name, (!values.is_empty()).then_some(&values))?;
        }
        let entries = settings
            .entries()
            .map(|(name, value)| (name.to_owned(), TraceValue { value: vec![value.to_owned()] }));
        Ok(TraceResponse { settings: entries.into_iter().collect() })
    })
    .await
}

/// Serves `LogSettings`.
pub(super) async fn log_settings(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve_later(call, request, |call, query: LogSettings, may_change| async move {
        if query.settings.is_empty() {
            return Ok(LogSettings::from(log_settings::read()));
        }
        may_change?;
        let mut parameters = Parameters::default();
        for (name, LogSetting { value }) in query.settings {
            let value = match value {
                Some(LogValue::Bool(value)) => Parameter::Bool(value),
                Some(LogValue::Uint(value)) => Parameter::Uint(u64::from(value)),
                Some(LogValue::Text(value)) => Parameter::Text(value),
                // A setting without a value stays as it is.
                None => continue,
            };
            parameters.add(name, value)?;
        }
        Ok(log_settings::change(&call, &parameters).await?.into())
    })
    .await
}

impl From<log_settings::LogSettings> for LogSettings {
    fn from(own: log_settings::LogSettings) -> Self {
        let text = |text: &str| LogValue::Text(text.to_owned());
        let settings = [
            ("log_file", text(own.log_file)),
            ("log_info", LogValue::Bool(own.log_info)),
            ("log_warning", LogValue::Bool(own.log_warning)),
            ("log_error", LogValue::Bool(own.log_error)),
            ("log_verbose_level", LogValue::Uint(own.log_verbose_level)),
            ("log_format", text(own.log_format)),
        ];
        let entries =
            settings.map(|(name, value)| (name.to_owned(), LogSetting { value: Some(value) }));
        Self { settings: entries.into_iter().collect() }
    }
}
