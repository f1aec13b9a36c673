//! Custom HTTP: user code reads requests and writes responses itself.

mod exchange;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::frontends::FrontEnd;
use crate::frontends::grps_http::{self, PREDICT};
use crate::frontends::shared::endpoint::{Endpoint, Methods, literal_pattern};
use crate::net::reply_body::ReplyBody;

/// The routes of user code that reads the bodies itself.
pub(crate) struct CustomHttp;

impl FrontEnd for CustomHttp {
    fn name(&self) -> &'static str {
        "custom_http"
    }

    fn endpoints(&self, settings: &Settings) -> Vec<Endpoint> {
        let Some(custom) = settings.custom_route.as_ref().filter(|custom| custom.owns_body) else {
            return Vec::new();
        };
        let path = literal_pattern(&custom.path);
        let standard = Endpoint::new(Methods::Post, PREDICT, Policy::Infer, exchange::serve);
        if path == PREDICT {
            return vec![standard];
        }
        vec![standard, Endpoint::new(Methods::GetOrPost, path, Policy::Infer, exchange::serve)]
    }

    /// Errors before user code runs are encoded as in GRPS over HTTP.
    fn error(&self, error: &Error) -> Response<ReplyBody> {
        grps_http::encode::failure(error)
    }
}
