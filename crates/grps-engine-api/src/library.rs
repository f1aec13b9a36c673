//! Shared libraries and the functions in them.

use std::path::Path;

use libloading::os::unix::{Library as Loaded, RTLD_LOCAL, RTLD_NOW};

/// Why an engine's library can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub(crate) String);

/// A shared library, which is never closed: engines start threads that outlive their last handle.
pub(crate) struct Library(std::mem::ManuallyDrop<Loaded>);

impl Library {
    /// Opens a library. Other libraries of the process do not see its symbols.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        // SAFETY: the user says which engine's library this is; what runs while it is loaded is the
        // engine's own initialisation.
        let loaded = unsafe { Loaded::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
        let loaded = loaded.map_err(|error| OpenError(error.to_string()))?;
        Ok(Self(std::mem::ManuallyDrop::new(loaded)))
    }

    /// Returns the address of a function.
    ///
    /// # Safety
    /// `F` is the type of a function pointer, with the types that the engine's header gives it.
    pub(crate) unsafe fn function<F: Copy>(&self, name: &str) -> Result<F, OpenError> {
        // SAFETY: the caller answers for the type; the library is never closed.
        let found = unsafe { self.0.get::<F>(name.as_bytes()) };
        found.map(|function| *function).map_err(|error| OpenError(error.to_string()))
    }
}

/// Declares a struct of functions in C, and how they are found in a library.
macro_rules! c_functions {
    ($(#[$doc:meta])* struct $name:ident { $($function:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $name { $(pub(super) $function: $type,)* }

        impl $name {
            /// Finds all of them.
            pub(super) fn find(
                library: &crate::library::Library,
            ) -> Result<Self, crate::library::OpenError> {
                Ok(Self {
                    // SAFETY: the types are those of the engine's header.
                    $($function: unsafe { library.function(stringify!($function))? },)*
                })
            }
        }
    };
}
pub(crate) use c_functions;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_and_a_missing_function_are_named() {
        let error = Library::open(Path::new("/nowhere/libengine.so")).err().map(|e| e.to_string());
        assert!(error.is_some_and(|text| text.contains("/nowhere/libengine.so")));
        let library = Library::open(Path::new("libc.so.6")).ok();
        let library = library.as_ref();
        // SAFETY: the type of `abs` in stdlib.h.
        let found = library.map(|library| unsafe {
            library.function::<unsafe extern "C" fn(i32) -> i32>("abs").is_ok()
        });
        assert_eq!(found, Some(true));
        // SAFETY: there is no such function, so nothing has this type.
        let missing = library.map(|library| unsafe {
            library.function::<unsafe extern "C" fn()>("no_such_function").is_err()
        });
        assert_eq!(missing, Some(true));
    }
}
