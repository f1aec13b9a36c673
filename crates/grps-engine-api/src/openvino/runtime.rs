//! The library with its one core.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::Mutex;

use crate::library::{Library, OpenError};
use crate::openvino::compiled::Compiled;
use crate::openvino::element::Numbering;
use crate::openvino::error::OpenvinoError;
use crate::openvino::functions::{Functions, Opaque};

const DEVICE: &std::ffi::CStr = c"CPU";
const MAPS: &std::ffi::CStr = c"ENABLE_MMAP";
/// Most properties of a model: the function takes as many as it is told, out of so many arguments.
const MOST_PROPERTIES: usize = 16;

/// OpenVINO, opened from its library, with the one core of the process.
///
/// The core is never released. Its CPU plugin makes memory of its own the signal stack of the
/// thread that loads it first, and unmaps that memory when the last core is released: the next
/// signal would then end the process.
pub struct Openvino {
    pub(super) functions: Functions,
    pub(super) numbering: Numbering,
    core: *mut Opaque,
    /// The core keeps the property [`MAPS`] for itself, so models are read one at a time.
    reading: Mutex<()>,
}

// SAFETY: OpenVINO documents a core as safe to use from several threads at once.
unsafe impl Send for Openvino {}
// SAFETY: as above.
unsafe impl Sync for Openvino {}

impl Openvino {
    /// Opens `libopenvino_c.so`.
    ///
    /// # Errors
    /// It is missing, or not a version that is known.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let functions = Functions::find(&Library::open(path)?)?;
        let numbering = Numbering::of(&functions)?;
        let mut core = null_mut();
        // SAFETY: `core` receives a handle.
        let status = unsafe { (functions.ov_core_create)(&raw mut core) };
        functions.check(status).map_err(|error| OpenError(error.to_string()))?;
        Ok(Self { functions, numbering, core, reading: Mutex::new(()) })
    }

    /// Loads a library of custom operators.
    ///
    /// # Errors
    /// It is no such library.
    pub fn add_extension(&self, library: &Path) -> Result<(), OpenvinoError> {
        let path = text(library.as_os_str())?;
        // SAFETY: the core is never released, and the text ends with a zero.
        let status = unsafe { (self.functions.ov_core_add_extension)(self.core, path.as_ptr()) };
        self.functions.check(status)
    }

    /// Reads a model and compiles it for the CPU.
    ///
    /// # Arguments
    /// `properties` has keys and values of OpenVINO; `maps` says whether files of weights are
    /// mapped into memory instead of read.
    ///
    /// # Errors
    /// The file is no model, or a property is wrong.
    pub fn compile(
        &'static self,
        path: &Path,
        properties: &[(String, String)],
        maps: bool,
    ) -> Result<Compiled, OpenvinoError> {
        let words = words_of(properties)?;
        let path = text(path.as_os_str())?;
        let _reading = self.reading.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let model = self.read(&path, maps)?;
        let mut arguments = [null(); 2 * MOST_PROPERTIES];
        for (argument, word) in arguments.iter_mut().zip(&words) {
            *argument = word.as_ptr();
        }
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = arguments;
        let [.., q, r, s, t, u, v, w, x, y, z, aa, bb, cc, dd, ee, ff] = arguments;
        let mut compiled = null_mut();
        // SAFETY: core and model are live handles, `compiled` receives one, and the function reads
        // as many of the texts behind it as it is told; `words` keeps them.
        let status = unsafe {
            (self.functions.ov_core_compile_model)(
                self.core,
                model,
                DEVICE.as_ptr(),
                words.len(),
                &raw mut compiled,
                a,
                b,
                c,
                d,
                e,
                f,
                g,
                h,
                i,
                j,
                k,
                l,
                m,
                n,
                o,
                p,
                q,
                r,
                s,
                t,
                u,
                v,
                w,
                x,
                y,
                z,
                aa,
                bb,
                cc,
                dd,
                ee,
                ff,
            )
        };
        let outcome = self.functions.check(status);
        // SAFETY: the handle was made by `read`, is freed once and not used below.
        unsafe { (self.functions.ov_model_free)(model) };
        outcome.map(|()| Compiled::new(self, compiled))
    }

    /// The handle of a model, for the caller to free.
    fn read(&self, path: &CString, maps: bool) -> Result<*mut Opaque, OpenvinoError> {
        let maps = if maps { c"YES" } else { c"NO" };
        let end: *const std::ffi::c_char = null();
        // SAFETY: the core is never released; a key and a value follow the name of the device,
        // which null leaves out.
        let status = unsafe {
            (self.functions.ov_core_set_property)(
                self.core,
                null(),
                MAPS.as_ptr(),
                maps.as_ptr(),
                end,
            )
        };
        self.functions.check(status)?;
        let mut model = null_mut();
        // SAFETY: the core is never released, the path ends with a zero, null leaves the choice of
        // the file of weights, and `model` receives a handle.
        let status = unsafe {
            (self.functions.ov_core_read_model)(self.core, path.as_ptr(), null(), &raw mut model)
        };
        self.functions.check(status).map(|()| model)
    }
}

/// Keys and values in turn.
fn words_of(properties: &[(String, String)]) -> Result<Vec<CString>, OpenvinoError> {
    if properties.len() > MOST_PROPERTIES {
        let text = format!("{} properties; at most {MOST_PROPERTIES}", properties.len());
        return Err(OpenvinoError(text));
    }
    let words = properties.iter().flat_map(|(key, value)| [key, value]);
    words.map(|word| text(OsStr::new(word))).collect()
}

fn text(word: &OsStr) -> Result<CString, OpenvinoError> {
    CString::new(word.as_bytes())
        .map_err(|_| OpenvinoError(format!("{} contains a zero", word.to_string_lossy())))
}
