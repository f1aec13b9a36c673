//! Custom HTTP: user code reads requests and writes responses itself.

mod exchange;

pub(crate) use exchange::serve;

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
        let standard = Endpoint::new(Methods::Post, PREDICT, Policy::Infer, exchange::serve);
        let custom = settings.custom_routes.iter().filter(|custom| custom.owns_body);
        let paths = custom.map(|custom| literal_pattern(&custom.path));
        let paths = paths.filter(|path| path != PREDICT);
        let custom = paths
            .map(|path| Endpoint::new(Methods::GetOrPost, path, Policy::Infer, exchange::serve));
        std::iter::once(standard).chain(custom).collect()
    }

    /// Errors before user code runs are encoded as in GRPS over HTTP.
    fn error(&self, error: &Error) -> Response<ReplyBody> {
        grps_http::encode::failure(error)
    }
}
