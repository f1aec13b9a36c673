//! The descriptions of the protos that the service has, found by file and by symbol.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// Files of protos, each encoded.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    files: BTreeMap<String, Bytes>,
    /// The file of each message, enumeration, service and of their parts.
    symbols: BTreeMap<String, Bytes>,
}

impl Descriptors {
    /// Reads sets of files; of two files with one name the first applies.
    ///
    /// # Errors
    /// A set is malformed.
    pub(super) fn read(sets: &[&[u8]]) -> Result<Self, prost::DecodeError> {
        let mut read = Self::default();
        for set in sets {
            for file in FileDescriptorSet::decode(*set)?.file {
                read.add(&file);
            }
        }
        Ok(read)
    }

    /// The file with a name.
    pub(super) fn file(&self, name: &str) -> Option<Bytes> {
        self.files.get(name).cloned()
    }

    /// The file that defines a symbol, such as `package.Service.Method`.
    pub(super) fn file_of(&self, symbol: &str) -> Option<Bytes> {
        self.symbols.get(symbol).cloned()
    }

    fn add(&mut self, file: &FileDescriptorProto) {
        if self.files.contains_key(file.name()) {
            return;
        }
        let encoded = Bytes::from(file.encode_to_vec());
        self.files.insert(file.name().to_owned(), encoded.clone());
        let package = file.package();
        for message in &file.message_type {
            self.add_message(package, message, &encoded);
        }
        for one in &file.enum_type {
            self.add_enum(package, one, &encoded);
        }
        for service in &file.service {
            let name = self.add_symbol(package, service.name(), &encoded);
            for method in &service.method {
                self.add_symbol(&name, method.name(), &encoded);
            }
        }
    }

    fn add_message(&mut self, scope: &str, message: &DescriptorProto, file: &Bytes) {
        let name = self.add_symbol(scope, message.name(), file);
        for field in &message.field {
            self.add_symbol(&name, field.name(), file);
        }
        for oneof in &message.oneof_decl {
            self.add_symbol(&name, oneof.name(), file);
        }
        for nested in &message.nested_type {
            self.add_message(&name, nested, file);
        }
        for one in &message.enum_type {
            self.add_enum(&name, one, file);
        }
    }

    fn add_enum(&mut self, scope: &str, one: &EnumDescriptorProto, file: &Bytes) {
        self.add_symbol(scope, one.name(), file);
        // Values are in the scope of their enumeration's parent.
        for value in &one.value {
            self.add_symbol(scope, value.name(), file);
        }
    }

    /// Adds a name in a scope; returns the whole name.
    fn add_symbol(&mut self, scope: &str, name: &str, file: &Bytes) -> String {
        let whole = if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") };
        self.symbols.insert(whole.clone(), file.clone());
        whole
    }
}
