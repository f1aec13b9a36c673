//! Data of a plugin that travels with a request.

use std::ffi::c_void;

use grps_core::Session;

use crate::lent_memory::Release;
use crate::plugins::batch_run::RequestRun;

/// Data that a plugin keeps with a request; dropping it gives it back.
pub(crate) struct UserData {
    /// What it is, by a name that plugins agree on.
    kind: Box<[u8]>,
    data: *mut c_void,
    release: Release,
}

// SAFETY: the interface demands that any thread may release it, and that plugins which share it
// use it one after the other, as the models of a graph do.
unsafe impl Send for UserData {}

impl UserData {
    /// Takes data over.
    ///
    /// # Safety
    /// `release` is called with `data` once, on any thread.
    pub(crate) unsafe fn new(kind: &[u8], data: *mut c_void, release: Release) -> Self {
        Self { kind: kind.into(), data, release }
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        // SAFETY: whoever made it guarantees the function, and this is the only call.
        unsafe { (self.release)(self.data) }
    }
}

impl RequestRun {
    fn session(&self) -> &Session {
        self.request.session().unwrap_or(&self.session)
    }

    /// Keeps data in place of earlier data.
    pub(crate) fn set_user_data(&self, data: Option<UserData>) {
        if data.is_some() {
            self.request.note_left();
        }
        let data = data.map(|data| Box::new(data) as _);
        let earlier = std::mem::replace(&mut self.session().lock().native, data);
        // Outside the lock, as it is code of the plugin.
        drop(earlier);
    }

    /// The data that is kept, if it is of this kind; fails when it is in another process.
    pub(crate) fn user_data(&self, kind: &[u8]) -> Result<*mut c_void, String> {
        // Before the lock is held, which it may take as well.
        let is_elsewhere = self.request.is_left_elsewhere();
        let session = self.session().lock();
        let kept = session.native.as_ref().and_then(|kept| kept.downcast_ref::<UserData>());
        match kept.filter(|kept| *kept.kind == *kind) {
            Some(kept) => Ok(kept.data),
            None if session.native.is_none() && is_elsewhere => Err(
                "an earlier model put its user data into another process (isolation: process); \
                 send it in the message instead"
                    .to_owned(),
            ),
            None => Ok(std::ptr::null_mut()),
        }
    }
}
