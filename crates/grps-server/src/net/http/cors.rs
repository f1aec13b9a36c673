//! Cross-origin requests: which pages of other sites may read responses (the Fetch standard, CORS).

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use crate::net::http::reply_body::ReplyBody;

const ANY: HeaderValue = HeaderValue::from_static("*");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST");
/// Most bytes of the header names that a preflight asks for.
const MAX_ASKED_BYTES: usize = 2048;
/// Header by which Chrome asks whether a public page may reach a private address.
const PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");
/// Headers of responses that pages may read besides those that browsers always show.
const EXPOSED: &str = "grpc-message, grpc-retry-pushback-ms, grpc-status, grpc-status-details-bin, \
    retry-after, x-grps-dtype, x-grps-shape, x-grps-timing, x-request-id";

/// Which pages of other sites may read responses.
#[derive(Clone, Debug)]
pub struct Cors {
    /// The origins of the pages; `None` for all of them.
    origins: Option<Vec<HeaderValue>>,
    /// Whether browsers send cookies and certificates along.
    credentials: bool,
    /// The headers that pages may send; `None` for those that they ask for.
    headers: Option<HeaderValue>,
    exposed: HeaderValue,
    max_age: HeaderValue,
}

/// What the configuration says of cross-origin requests.
#[derive(Clone, Debug)]
pub struct CorsRules {
    /// Origins such as `https://app.example.com`, or `*` alone for all.
    pub origins: Vec<String>,
    /// Whether browsers send cookies and certificates along; not for all origins.
    pub credentials: bool,
    /// The headers that pages may send; those that they ask for when empty.
    pub headers: Vec<String>,
    /// Headers of responses that pages may read besides those of the service.
    pub expose: Vec<String>,
    /// How long a browser may keep the answer to a preflight, in seconds.
    pub max_age_s: u32,
}

impl TryFrom<CorsRules> for Cors {
    type Error = String;

    fn try_from(rules: CorsRules) -> Result<Self, String> {
        let is_any = rules.origins.iter().any(|origin| origin == "*");
        if is_any && (rules.credentials || rules.origins.len() > 1) {
            return Err("interface.cors.origins: '*' must be alone and without credentials".into());
        }
        let value = |key: &str, text: &str| {
            let fault = |_| format!("interface.cors.{key}: '{text}' can't be sent in a header");
            HeaderValue::from_str(text).map_err(fault)
        };
        let origins = rules.origins.iter().map(|origin| value("origins", origin));
        let origins = if is_any { None } else { Some(origins.collect::<Result<_, _>>()?) };
        let headers = if rules.headers.is_empty() {
            None
        } else {
            Some(value("headers", &rules.headers.join(", "))?)
        };
        let exposed = rules.expose.iter().fold(EXPOSED.to_owned(), |all, one| all + ", " + one);
        Ok(Self {
            origins,
            credentials: rules.credentials,
            headers,
            exposed: value("expose", &exposed)?,
            max_age: HeaderValue::from(rules.max_age_s),
        })
    }
}

impl Cors {
    /// The value of `Access-Control-Allow-Origin` for a request; `None` when its page may not read.
    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match &self.origins {
            None => Some(ANY),
            Some(origins) => origins.contains(origin).then(|| origin.clone()),
        }
    }

    /// Whether a page of this origin may use the service.
    pub(crate) fn allows(&self, origin: &HeaderValue) -> bool {
        self.allowed(origin).is_some()
    }

    /// The response to a preflight, before [`Cors::add`]; `None` for another request.
    pub(crate) fn preflight(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Option<Response<ReplyBody>> {
        if method != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let origin = headers.get(ORIGIN)?;
        let mut response = Response::new(ReplyBody::from(bytes::Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        if self.allows(origin) {
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            answer.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
            let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
            let asked = asked.filter(|asked| asked.len() <= MAX_ASKED_BYTES);
            if let Some(allowed) = self.headers.as_ref().or(asked) {
                answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed.clone());
            }
            if headers.contains_key(PRIVATE_NETWORK) && self.origins.is_some() {
                answer.insert(ALLOW_PRIVATE_NETWORK, TRUE);
            }
        }
        Some(response)
    }

    /// Adds what lets the page of a request read its response.
    pub(crate) fn add(&self, origin: &HeaderValue, response: &mut HeaderMap) {
        if self.origins.is_some() {
            response.append(VARY, HeaderValue::from_static("origin"));
        }
        let Some(allowed) = self.allowed(origin) else { return };
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed.clone());
        if self.credentials {
            response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(origins: &[&str]) -> CorsRules {
        CorsRules {
            origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            credentials: false,
            headers: Vec::new(),
            expose: vec!["x-own".to_owned()],
            max_age_s: 600,
        }
    }

    fn preflight(cors: &Cors, origin: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_static(origin));
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
        headers.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("x-a,x-b"));
        let mut response = cors.preflight(&Method::OPTIONS, &headers).unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        cors.add(&headers[ORIGIN], response.headers_mut());
        response.headers().clone()
    }

    #[test]
    fn only_listed_origins_are_allowed() {
        let cors = Cors::try_from(CorsRules {
            credentials: true,
            ..rules(&["https://a.example", "http://localhost:3000"])
        })
        .unwrap();
        let allowed = preflight(&cors, "https://a.example");
        assert_eq!(allowed[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        assert_eq!(allowed[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(allowed[ACCESS_CONTROL_ALLOW_HEADERS], "x-a,x-b");
        assert_eq!(allowed[ACCESS_CONTROL_MAX_AGE], "600");
        assert_eq!(allowed[VARY], "origin");
        for other in ["https://b.example", "http://a.example", "https://a.example.evil", "null"] {
            let refused = preflight(&cors, other);
            assert!(!refused.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{other}");
            assert!(!refused.contains_key(ACCESS_CONTROL_ALLOW_METHODS), "{other}");
            assert_eq!(refused[VARY], "origin");
        }
    }

    #[test]
    fn all_origins_are_allowed_without_credentials() {
        let cors = Cors::try_from(rules(&["*"])).unwrap();
        let allowed = preflight(&cors, "null");
        assert_eq!(allowed[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!allowed.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
        assert!(Cors::try_from(CorsRules { credentials: true, ..rules(&["*"]) }).is_err());
        assert!(Cors::try_from(rules(&["*", "https://a.example"])).is_err());
    }

    #[test]
    fn only_a_preflight_is_answered() {
        let cors = Cors::try_from(rules(&["*"])).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_static("https://a.example"));
        assert!(cors.preflight(&Method::OPTIONS, &headers).is_none());
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
        assert!(cors.preflight(&Method::POST, &headers).is_none());
    }

    #[test]
    fn responses_show_the_headers_of_the_service() {
        let cors = Cors::try_from(rules(&["*"])).unwrap();
        let mut headers = HeaderMap::new();
        cors.add(&HeaderValue::from_static("https://a.example"), &mut headers);
        let exposed = headers[ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
        assert!(exposed.contains("grpc-status") && exposed.ends_with(", x-own"), "{exposed}");
    }
}
