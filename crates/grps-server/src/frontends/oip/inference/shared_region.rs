//! Tensors in shared memory: what a request says of them.

use bytes::Bytes;
use grps_core::{Cause, Error};

use crate::app::App;
use crate::codec::Room;
use crate::frontends::oip::inference::parameters::Parameters;
use crate::frontends::oip::shared_memory::{self, Part};

/// Parameters of an input or output in shared memory.
pub(crate) const REGION: &str = "shared_memory_region";
pub(crate) const OFFSET: &str = "shared_memory_offset";
pub(crate) const BYTE_SIZE: &str = "shared_memory_byte_size";

/// Bytes of a region of shared memory, as a request names them. Nothing of it is checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegionSlice {
    /// The name of the region.
    pub(crate) region: String,
    /// Where the bytes begin in it.
    pub(crate) offset: u64,
    /// How many bytes they are.
    pub(crate) byte_size: u64,
}

impl RegionSlice {
    /// What the parameters of an input or output say; `None` for one that is in the request.
    ///
    /// # Errors
    /// `InvalidArgument` for malformed parameters.
    pub(crate) fn read(parameters: &Parameters) -> Result<Option<Self>, Error> {
        let Some(region) = parameters.text(REGION)? else { return Ok(None) };
        let offset = parameters.whole_number(OFFSET)?.unwrap_or_default();
        let byte_size = parameters
            .whole_number(BYTE_SIZE)?
            .ok_or_else(|| Error::invalid(format!("{BYTE_SIZE} is missing beside {REGION}")))?;
        Ok(Some(Self { region: region.to_owned(), offset, byte_size }))
    }
}

/// The bytes of an input in shared memory, copied so that the client can't change them any more.
///
/// # Errors
/// `Unsupported` when the service uses no shared memory, `NotFound` for an unknown region,
/// `InvalidArgument` when it does not have the bytes; `TooLarge` and those of the room for too many.
pub(crate) fn read_input(app: &App, slice: &RegionSlice, room: &Room<'_>) -> Result<Bytes, Error> {
    let limit = app.settings.max_request_bytes;
    let part = slice.part(app)?;
    let length = room.body_bytes().saturating_add(part.len());
    if length > limit {
        return Err(Error::new(
            Cause::TooLarge,
            format!(
                "the request has {length} bytes with those in shared memory, more than \
                 limits.max_request_bytes ({limit} bytes)"
            ),
        ));
    }
    room.take_part_of_body(part.len())?;
    let mut bytes = vec![0; part.len()];
    part.read(&mut bytes)?;
    Ok(bytes.into())
}

/// Checks where the outputs of a request are written: in regions of the service, and each apart.
///
/// # Errors
/// As [`read_input`]; `InvalidArgument` when two overlap or the service may not write.
pub(crate) fn check_outputs<'a>(
    app: &App,
    slices: impl Iterator<Item = &'a RegionSlice>,
) -> Result<(), Error> {
    let mut parts: Vec<Part> = Vec::new();
    for slice in slices {
        let part = slice.part(app)?;
        part.check_writable()?;
        parts.push(part);
    }
    if Part::any_overlap(&mut parts) {
        return Err(Error::invalid("two outputs have the same bytes of shared memory"));
    }
    Ok(())
}

/// Writes an output into shared memory.
///
/// # Errors
/// As [`check_outputs`]: the region or its file can have changed while the request ran.
pub(crate) fn write_output(app: &App, slice: &RegionSlice, parts: &[Bytes]) -> Result<(), Error> {
    slice.part(app)?.write(parts)
}

impl RegionSlice {
    fn part(&self, app: &App) -> Result<Part, Error> {
        shared_memory::regions(app)?.part(&self.region, self.offset, self.byte_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::{app_with, settings};
    use crate::frontends::oip::shared_memory::regions;
    use crate::frontends::oip::shared_memory::test_memory::Memory;

    fn app(oip_shared_memory: bool) -> App {
        let mut settings = settings();
        settings.max_request_bytes = 100;
        settings.front_ends.oip_shared_memory = oip_shared_memory;
        app_with(settings)
    }

    fn slice(offset: u64, byte_size: u64) -> RegionSlice {
        RegionSlice { region: "r".to_owned(), offset, byte_size }
    }

    #[test]
    fn inputs_count_as_parts_of_the_body() {
        let (memory, app) = (Memory::new(&[7; 200]), app(true));
        regions(&app).unwrap().register("r", &memory.key, 0, 200).unwrap();
        let reserve = |_| Ok(());
        let room = Room::of_body(10, &reserve);
        assert_eq!(read_input(&app, &slice(0, 50), &room).unwrap(), vec![7; 50]);
        assert_eq!(read_input(&app, &slice(0, 40), &room).unwrap().len(), 40);
        let error = read_input(&app, &slice(0, 1), &room).unwrap_err();
        assert_eq!(error.cause(), Cause::TooLarge);
        assert!(error.message().contains("has 101 bytes with those in shared memory"), "{error}");
        let huge = read_input(&app, &slice(0, u64::MAX), &Room::unlimited()).unwrap_err();
        assert_eq!(huge.cause(), Cause::InvalidArgument);
        memory.shorten(10);
        assert!(read_input(&app, &slice(0, 11), &Room::unlimited()).is_err());
    }

    #[test]
    fn outputs_have_bytes_of_their_own() {
        let (memory, app) = (Memory::new(&[0; 20]), app(true));
        regions(&app).unwrap().register("r", &memory.key, 0, 20).unwrap();
        check_outputs(&app, [slice(0, 10), slice(10, 10)].iter()).unwrap();
        let error = check_outputs(&app, [slice(9, 11), slice(0, 10)].iter()).unwrap_err();
        assert!(error.message().contains("the same bytes of shared memory"), "{error}");
        assert!(check_outputs(&app, [slice(11, 10)].iter()).is_err());
        let parts = [Bytes::from_static(&[1, 2]), Bytes::from_static(&[3])];
        write_output(&app, &slice(17, 3), &parts).unwrap();
        assert_eq!(memory.content()[16..], [0, 1, 2, 3]);
        assert!(write_output(&app, &slice(17, 2), &parts).is_err());
        regions(&app).unwrap().unregister_all();
        let error = write_output(&app, &slice(17, 3), &parts).unwrap_err();
        assert_eq!(error.cause(), Cause::NotFound);
    }

    #[test]
    fn a_service_without_shared_memory_refuses_it() {
        let app = app(false);
        let error = read_input(&app, &slice(0, 1), &Room::unlimited()).unwrap_err();
        assert_eq!(error.cause(), Cause::Unsupported);
        assert!(error.message().contains("set oip.shared_memory: true"), "{error}");
        assert!(check_outputs(&app, [slice(0, 1)].iter()).is_err());
        assert!(check_outputs(&app, [].iter()).is_ok());
    }
}
