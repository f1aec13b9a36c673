//! Forms with a file.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use grps_core::{Cause, Error};
use grps_openai::ApiError;
use http::{HeaderMap, header};
use multer::{Constraints, Multipart, SizeLimit};

use crate::frontends::openai::errors::Fault;

/// Most fields of a form besides the file, and most bytes of each.
const MAX_FIELDS: usize = 64;
const MAX_FIELD_BYTES: usize = 64 << 10;

/// A form that was read.
#[derive(Debug)]
pub(super) struct Upload {
    /// The fields besides the file by name, in their order.
    pub(super) fields: Vec<(String, String)>,
    /// The content of the file.
    pub(super) file: Bytes,
}

/// Reads a form whose file is the field of this name. The limit of the whole body has been checked.
///
/// # Errors
/// It is no form, has no file or several, or a field is too large.
pub(super) fn read(
    headers: &HeaderMap,
    body: Bytes,
    file_name: &'static str,
) -> Result<Upload, Fault> {
    // The whole body is there, so nothing waits.
    let read = read_form(headers, body, file_name).now_or_never();
    read.unwrap_or_else(|| Err(Error::new(Cause::Internal, "a form was read in parts").into()))
}

async fn read_form(
    headers: &HeaderMap,
    body: Bytes,
    file_name: &'static str,
) -> Result<Upload, Fault> {
    let boundary = boundary_of(headers)?;
    let body = stream::iter([Ok::<_, Infallible>(body)]);
    let limits = SizeLimit::new().per_field(MAX_FIELD_BYTES as u64).for_field(file_name, u64::MAX);
    let constraints = Constraints::new().size_limit(limits);
    let mut form = Multipart::with_constraints(body, boundary, constraints);
    let (mut fields, mut file) = (Vec::new(), None);
    while let Some(field) = form.next_field().await.map_err(malformed)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == file_name {
            if file.is_some() {
                let message = format!("'{file_name}' is there twice.");
                return Err(ApiError::invalid(file_name, message).into());
            }
            file = Some(field.bytes().await.map_err(malformed)?);
        } else if fields.len() == MAX_FIELDS {
            let message = format!("The form has more than {MAX_FIELDS} fields.");
            return Err(ApiError::invalid(name, message).into());
        } else {
            let value = field.bytes().await.map_err(malformed)?;
            let value = String::from_utf8(value.into())
                .map_err(|_| ApiError::invalid(name.as_str(), format!("'{name}' is not UTF-8.")))?;
            fields.push((name, value));
        }
    }
    let missing = || ApiError::invalid(file_name, format!("'{file_name}' is missing."));
    Ok(Upload { fields, file: file.ok_or_else(missing)? })
}

fn boundary_of(headers: &HeaderMap) -> Result<String, Error> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    multer::parse_boundary(value.unwrap_or_default()).map_err(|_| {
        let text = "send a form: Content-Type: multipart/form-data with its boundary";
        Error::new(Cause::UnsupportedMediaType, text)
    })
}

fn malformed(error: multer::Error) -> Fault {
    if let multer::Error::FieldSizeExceeded { field_name, limit } = &error {
        let name = field_name.clone().unwrap_or_default();
        let message = format!("'{name}' has more than {limit} bytes.");
        return ApiError::invalid(name, message).into();
    }
    Error::invalid(format!("the form is malformed: {error}")).into()
}

#[cfg(test)]
#[path = "upload_tests.rs"]
mod tests;
