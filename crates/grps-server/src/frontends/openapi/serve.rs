//! `/openapi.json`: the document, or 304 to a client that has it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use ring::digest::{SHA256, digest};

use crate::call::call::Call;
use crate::frontends::openapi::document;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response::json;
use crate::net::http::reply_body::ReplyBody;

/// Clients ask each time whether the document has changed: models come and go.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
/// Bytes of the hash that stands for a document.
const TAG_BYTES: usize = 16;

/// Serves the document.
pub(super) async fn serve(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let text = document::describe(&call.app).to_string();
    let tag = tag_of(text.as_bytes());
    let mut response = if is_known(&request.parts.headers, &tag) {
        let mut unchanged = Response::new(ReplyBody::from(Bytes::new()));
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        json(text)
    };
    response.headers_mut().insert(header::CACHE_CONTROL, REVALIDATE);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn tag_of(text: &[u8]) -> String {
    let hash = digest(&SHA256, text);
    let digits: String =
        hash.as_ref().iter().take(TAG_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// Whether `If-None-Match` has the tag, whatever coding the response had.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut sent = values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    sent.any(|one| one.trim().trim_start_matches("W/") == tag || one.trim() == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_has_the_document_gets_no_other() {
        let tag = tag_of(b"{}");
        assert_ne!(tag, tag_of(b"{ }"));
        assert_eq!(tag.len(), TAG_BYTES * 2 + 2);
        let is_known = |sent: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(sent).unwrap());
            is_known(&headers, &tag)
        };
        assert!(is_known(&tag) && is_known(&format!("\"a\", W/{tag}")) && is_known("*"));
        assert!(!is_known("\"a\"") && !is_known(""));
        assert!(!super::is_known(&HeaderMap::new(), &tag));
    }
}
