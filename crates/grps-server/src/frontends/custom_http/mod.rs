//! Custom HTTP: user code reads requests and writes responses itself.

mod exchange;

pub(crate) use exchange::serve;

use std::borrow::Cow;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::frontends::FrontEnd;
use crate::frontends::grps_http::{self, PREDICT};
use crate::frontends::shared::endpoint::{Endpoint, Methods, literal_pattern};
use crate::net::http::reply_body::ReplyBody;

/// The routes of user code that reads the bodies itself.
pub(crate) struct CustomHttp;

impl FrontEnd for CustomHttp {
    fn name(&self) -> &'static str {
        "custom_http"
    }

    fn endpoints(&self, settings: &Settings) -> Vec<Endpoint> {
        if !settings.custom_code_owns_predict() {
            return Vec::new();
        }
        let standard = endpoint(Methods::Post, PREDICT);
        let custom = settings.custom_routes.iter().filter(|custom| custom.owns_body);
        let paths = custom.map(|custom| literal_pattern(&custom.path));
        let paths = paths.filter(|path| path != PREDICT);
        let custom = paths.map(|path| endpoint(Methods::GetOrPost, path));
        std::iter::once(standard).chain(custom).collect()
    }

    /// Errors before user code runs are encoded as in GRPS over HTTP.
    fn error(&self, error: &Error) -> Response<ReplyBody> {
        grps_http::encode::failure(error)
    }
    fn error_response(&self) -> &'static str {
        "AnyError"
    }
}

fn endpoint(methods: Methods, path: impl Into<Cow<'static, str>>) -> Endpoint {
    let endpoint = Endpoint::new(methods, path, Policy::Infer, exchange::serve);
    endpoint.summary("Runs the code of the service").takes("AnyBytes").returns("AnyBytes")
}
