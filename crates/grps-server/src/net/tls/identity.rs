//! The name of a client in its certificate, which the handshake has verified.
//!
//! The name is the subject in the form of RFC 4514, such as `CN=robot,O=Example`. A certificate
//! without a subject is called by its first alternative name, such as `URI:spiffe://example/robot`.

use std::fmt::Write as _;

/// Most levels and attributes of a name; a certificate with more has no name.
const MAX_ATTRIBUTES: usize = 32;
/// Most bytes of a name as text.
const MAX_NAME_BYTES: usize = 1024;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const BMP_STRING: u8 = 0x1e;
const BOOLEAN: u8 = 0x01;
/// The explicit tags of a certificate's version and extensions.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// Alternative names: of a mailbox, a host, a resource.
const ALTERNATIVES: [(u8, &str); 3] = [(0x86, "URI"), (0x82, "DNS"), (0x81, "email")];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// Attributes with a short name (RFC 4514, section 3, and `emailAddress`).
const ATTRIBUTES: [(&[u8], &str); 10] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "STREET"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
];

/// The name in a certificate in DER; `None` where it has none.
pub(crate) fn name_of(certificate: &[u8]) -> Option<String> {
    let (outer, _) = Element::read(certificate)?;
    let (signed, _) = Element::read(outer.of(SEQUENCE)?)?;
    let mut fields = Elements(signed.of(SEQUENCE)?);
    if fields.next()?.tag == VERSION {
        // The serial number, which is the first field where there is no version.
        fields.next()?;
    }
    // The signature's algorithm, the issuer and the validity come before the subject.
    let subject = fields.nth(3)?;
    let name = subject_text(subject.of(SEQUENCE)?)?;
    let name = if name.is_empty() {
        alternative(fields.find(|field| field.tag == EXTENSIONS)?.content)?
    } else {
        name
    };
    (!name.is_empty() && name.len() <= MAX_NAME_BYTES).then_some(name)
}

/// A subject as text, its most specific part first.
fn subject_text(subject: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    for set in Elements(subject) {
        let mut part = String::new();
        for attribute in Elements(set.of(SET)?) {
            let mut pair = Elements(attribute.of(SEQUENCE)?);
            let kind = pair.next()?.of(OBJECT_IDENTIFIER)?;
            let value = pair.next()?;
            if !part.is_empty() {
                part.push('+');
            }
            push_attribute(&mut part, kind, &value);
        }
        parts.push(part);
        if parts.len() > MAX_ATTRIBUTES {
            return None;
        }
    }
    parts.reverse();
    Some(parts.join(","))
}

fn push_attribute(part: &mut String, kind: &[u8], value: &Element<'_>) {
    match ATTRIBUTES.iter().find(|(known, _)| *known == kind) {
        Some((_, name)) => part.push_str(name),
        None => push_hex(part, kind),
    }
    part.push('=');
    match value.text() {
        Some(text) => push_escaped(part, &text),
        None => push_hex(part, value.content),
    }
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    text.push('#');
    for byte in bytes.iter().take(MAX_NAME_BYTES) {
        let _ = write!(text, "{byte:02x}");
    }
}

/// Adds a value as RFC 4514, section 2.4 escapes it; control characters too.
fn push_escaped(part: &mut String, text: &str) {
    for (index, character) in text.char_indices() {
        let is_edge = index == 0 || index + character.len_utf8() == text.len();
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => part.extend(['\\', character]),
            ' ' if is_edge => part.push_str("\\ "),
            '#' if index == 0 => part.push_str("\\#"),
            '\0'..='\x1f' | '\x7f' => {
                let _ = write!(part, "\\{:02x}", u32::from(character));
            }
            other => part.push(other),
        }
    }
}

/// The first alternative name among the extensions: a resource, else a host, else a mailbox.
fn alternative(extensions: &[u8]) -> Option<String> {
    let (list, _) = Element::read(extensions)?;
    for extension in Elements(list.of(SEQUENCE)?) {
        let mut fields = Elements(extension.of(SEQUENCE)?);
        if fields.next()?.of(OBJECT_IDENTIFIER)? != SUBJECT_ALT_NAME {
            continue;
        }
        let value = fields.find(|field| field.tag != BOOLEAN)?.of(OCTET_STRING)?;
        let (names, _) = Element::read(value)?;
        let names = names.of(SEQUENCE)?;
        return ALTERNATIVES.iter().find_map(|(tag, kind)| {
            let name = Elements(names).find(|name| name.tag == *tag)?;
            let text = std::str::from_utf8(name.content).ok()?;
            (!text.is_empty()).then(|| format!("{kind}:{}", text.escape_debug()))
        });
    }
    None
}

/// One element of DER: its tag and content.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
}

impl<'a> Element<'a> {
    /// The first element and what follows it; `None` where it is malformed.
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&tag, rest) = bytes.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        Some((Self { tag, content }, rest))
    }

    /// The content of an element with this tag.
    fn of(&self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.content)
    }

    /// The text of a string; `None` for what is none.
    fn text(&self) -> Option<String> {
        match self.tag {
            // UTF8String, NumericString, PrintableString, IA5String.
            0x0c | 0x12 | 0x13 | 0x16 => std::str::from_utf8(self.content).ok().map(str::to_owned),
            // TeletexString, mostly Latin-1.
            0x14 => Some(self.content.iter().copied().map(char::from).collect()),
            BMP_STRING => {
                let pairs = self.content.chunks_exact(2);
                let units: Vec<_> =
                    pairs.map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
                String::from_utf16(&units).ok()
            }
            _ => None,
        }
    }
}

/// Elements one after the other, up to a malformed one.
#[derive(Clone)]
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (element, rest) = Element::read(self.0)?;
        self.0 = rest;
        Some(element)
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
