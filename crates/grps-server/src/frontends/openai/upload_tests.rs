use super::*;

fn form(parts: &[(&str, &[u8])]) -> Bytes {
    let mut body = Vec::new();
    for (name, value) in parts {
        let head = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x--\r\n");
    body.into()
}

fn read_whole(body: Bytes) -> Result<Upload, String> {
    let mut headers = HeaderMap::new();
    let value = http::HeaderValue::from_static("multipart/form-data; boundary=x");
    headers.insert(header::CONTENT_TYPE, value);
    read(&headers, body, "file").map_err(|fault| fault.error().message().to_owned())
}

#[test]
fn fields_and_the_file_are_found() {
    let large = vec![b'a'; MAX_FIELD_BYTES + 1];
    let upload = read_whole(form(&[("model", b"m"), ("file", &large), ("a[]", b"1")])).unwrap();
    assert_eq!(upload.file.len(), large.len());
    let fields = [("model", "m"), ("a[]", "1")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(upload.fields, fields);
}

#[test]
fn fields_have_limits() {
    let most = vec![b'a'; MAX_FIELD_BYTES];
    let file: (&str, &[u8]) = ("file", b"f");
    assert!(read_whole(form(&[file, ("prompt", &most)])).is_ok());
    let more = vec![b'a'; MAX_FIELD_BYTES + 1];
    let error = read_whole(form(&[file, ("prompt", &more)])).unwrap_err();
    assert_eq!(error, "'prompt' has more than 65536 bytes.");
    let mut many: Vec<(&str, &[u8])> = vec![("a", b""); MAX_FIELDS];
    many.push(file);
    assert!(read_whole(form(&many)).is_ok());
    many.push(("a", b""));
    assert_eq!(read_whole(form(&many)).unwrap_err(), "The form has more than 64 fields.");
}

#[test]
fn what_is_no_form_is_refused() {
    assert_eq!(read_whole(form(&[("model", b"m")])).unwrap_err(), "'file' is missing.");
    let twice = form(&[("file", b"f"), ("file", b"f")]);
    assert_eq!(read_whole(twice).unwrap_err(), "'file' is there twice.");
    let wrong = form(&[("file", b"f"), ("model", b"\xff")]);
    assert_eq!(read_whole(wrong).unwrap_err(), "'model' is not UTF-8.");
    let whole = form(&[("model", b"m"), ("file", b"f")]);
    let error = read_whole(whole.slice(..whole.len() - 10)).unwrap_err();
    assert!(error.starts_with("the form is malformed: "), "{error}");
    let error = read(&HeaderMap::new(), whole, "file").unwrap_err().error();
    assert_eq!(error.cause(), Cause::UnsupportedMediaType);
}
