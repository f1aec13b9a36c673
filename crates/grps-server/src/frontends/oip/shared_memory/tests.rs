use std::fs::{File, OpenOptions, remove_file};
use std::os::unix::fs::symlink;

use super::*;
use crate::frontends::oip::shared_memory::test_memory::Memory;

fn message(error: &Error) -> String {
    error.message().to_owned()
}

#[test]
fn parts_are_read_and_written() {
    let (memory, regions) = (Memory::new(b"0123456789"), Regions::default());
    regions.register("r", &format!("/{}", memory.key), 2, 8).unwrap();
    let part = regions.part("r", 3, 4).unwrap();
    let mut bytes = [0; 4];
    part.read(&mut bytes).unwrap();
    assert_eq!((&bytes, part.len()), (b"5678", 4));
    part.check_writable().unwrap();
    part.write(&["a", "bc"]).unwrap();
    assert_eq!(memory.content(), b"01234abc89");
    let error = part.write(&["abc", "de"]).unwrap_err();
    assert!(message(&error).contains("has 5 bytes, and its part"), "{error}");
    assert_eq!(memory.content(), b"01234abc89");
    assert!(part.read(&mut [0; 5]).is_err());
}

#[test]
fn only_bytes_of_the_file_are_registered() {
    let (memory, regions) = (Memory::new(b"0123456789"), Regions::default());
    for (offset, size) in [(0, 11), (1, 10), (10, 1), (0, 0), (u64::MAX, 1), (1, u64::MAX)] {
        let error = regions.register("r", &memory.key, offset, size).unwrap_err();
        assert_eq!(error.cause(), Cause::InvalidArgument);
        assert!(message(&error).contains("which has 10 bytes"), "{error}");
    }
    regions.register("r", &memory.key, 0, 10).unwrap();
    regions.register("end", &memory.key, 9, 1).unwrap();
    let error = regions.register("r", &memory.key, 0, 1).unwrap_err();
    assert!(message(&error).contains("is registered already"), "{error}");
}

#[test]
fn parts_lie_in_their_region() {
    let (memory, regions) = (Memory::new(b"0123456789"), Regions::default());
    regions.register("r", &memory.key, 2, 6).unwrap();
    assert!(regions.part("r", 0, 6).is_ok() && regions.part("r", 6, 0).is_ok());
    for (offset, size) in [(0, 7), (6, 1), (7, 0), (u64::MAX, 1), (1, u64::MAX)] {
        let error = regions.part("r", offset, size).unwrap_err();
        assert!(message(&error).contains("are not in the shared memory region 'r'"), "{error}");
    }
    assert_eq!(regions.part("other", 0, 1).unwrap_err().cause(), Cause::NotFound);
}

#[test]
fn a_file_that_was_shortened_is_neither_read_nor_made_longer() {
    let (memory, regions) = (Memory::new(&[7; 100]), Regions::default());
    regions.register("r", &memory.key, 0, 100).unwrap();
    let part = regions.part("r", 50, 50).unwrap();
    memory.shorten(99);
    let error = part.read(&mut [0; 50]).unwrap_err();
    assert!(message(&error).contains("is shorter than when"), "{error}");
    assert!(part.write(&[[0; 10]]).is_err());
    assert_eq!(memory.content(), [7; 99]);
    let first = regions.part("r", 0, 50).unwrap();
    first.write(&[[8; 50]]).unwrap();
    assert_eq!(memory.content(), [[8; 50].as_slice(), &[7; 49]].concat());
}

#[test]
fn only_files_directly_below_the_folder_have_keys() {
    let (memory, regions) = (Memory::new(b"0123456789"), Regions::default());
    for key in ["", "/", ".", "..", "/..", "a/b", "//a", "../etc/passwd", "a\0", &"x".repeat(256)] {
        let error = regions.register("r", key, 0, 1).unwrap_err();
        assert_eq!(error.cause(), Cause::InvalidArgument, "{key}");
        assert!(message(&error).contains("is not the name of a file"), "{error}");
    }
    let missing = regions.register("r", &format!("{}-none", memory.key), 0, 1).unwrap_err();
    assert_eq!(missing.cause(), Cause::NotFound);
    let link = memory.path.with_extension("link");
    symlink(&memory.path, &link).unwrap();
    let linked = regions.register("r", &format!("{}.link", memory.key), 0, 1);
    remove_file(&link).unwrap();
    assert!(message(&linked.unwrap_err()).contains("or is a link"));
    let folder = memory.path.with_extension("folder");
    std::fs::create_dir(&folder).unwrap();
    let folded = regions.register("r", &format!("{}.folder", memory.key), 0, 1);
    std::fs::remove_dir(&folder).unwrap();
    assert!(message(&folded.unwrap_err()).contains("is not a file"));
    assert_eq!(regions.statuses(None).unwrap(), []);
}

#[test]
fn overlaps_are_found_across_regions_of_one_file() {
    let (memory, other) = (Memory::new(&[0; 100]), Memory::new(&[0; 100]));
    let regions = Regions::default();
    regions.register("whole", &memory.key, 0, 100).unwrap();
    regions.register("end", &memory.key, 50, 50).unwrap();
    regions.register("other", &other.key, 0, 100).unwrap();
    let overlap = |parts: &[(&str, u64, u64)]| {
        let part = |(name, offset, size): &(&str, u64, u64)| regions.part(name, *offset, *size);
        Part::any_overlap(&mut parts.iter().map(part).collect::<Result<Vec<_>, _>>().unwrap())
    };
    assert!(overlap(&[("whole", 40, 20), ("end", 0, 10)]));
    assert!(overlap(&[("end", 0, 10), ("other", 0, 5), ("whole", 59, 1)]));
    assert!(overlap(&[("whole", 50, 1), ("whole", 0, 100)]));
    assert!(overlap(&[("whole", 7, 3), ("whole", 9, 0), ("whole", 9, 1)]));
    assert!(!overlap(&[("whole", 0, 50), ("end", 0, 50), ("other", 0, 100)]));
    assert!(!overlap(&[("whole", 0, 100), ("other", 0, 100)]));
    assert!(!overlap(&[("whole", 10, 0), ("whole", 10, 0), ("whole", 0, 100)]));
}

#[test]
fn regions_are_listed_and_removed() {
    let (memory, regions) = (Memory::new(b"0123456789"), Regions::default());
    regions.register("b", &memory.key, 1, 9).unwrap();
    regions.register("a", &memory.key, 0, 10).unwrap();
    let names = |regions: &Regions| -> Vec<_> {
        regions.statuses(None).unwrap().into_iter().map(|status| status.name.to_string()).collect()
    };
    assert_eq!(names(&regions), ["a", "b"]);
    let status =
        RegionStatus { name: "b".into(), key: memory.key.clone(), offset: 1, byte_size: 9 };
    assert_eq!(regions.statuses(Some("b")).unwrap(), [status]);
    assert_eq!(regions.statuses(Some("c")).unwrap_err().cause(), Cause::NotFound);
    let used = regions.part("b", 0, 9).unwrap();
    regions.unregister("b");
    regions.unregister("b");
    assert_eq!(names(&regions), ["a"]);
    used.read(&mut [0; 9]).unwrap();
    regions.unregister_all();
    assert_eq!(names(&regions), [""; 0]);
}

#[test]
fn the_number_and_the_names_of_regions_are_limited() {
    let (memory, regions) = (Memory::new(b"0"), Regions::default());
    assert!(regions.register("", &memory.key, 0, 1).is_err());
    assert!(regions.register(&"n".repeat(MAX_NAME_BYTES + 1), &memory.key, 0, 1).is_err());
    regions.register(&"n".repeat(MAX_NAME_BYTES), &memory.key, 0, 1).unwrap();
    for index in 1..MAX_REGIONS {
        regions.register(&index.to_string(), &memory.key, 0, 1).unwrap();
    }
    let error = regions.register("more", &memory.key, 0, 1).unwrap_err();
    assert!(message(&error).contains("unregister some"), "{error}");
    regions.unregister("1");
    regions.register("more", &memory.key, 0, 1).unwrap();
}

#[test]
fn a_file_without_write_access_is_only_read() {
    use std::os::unix::fs::PermissionsExt;
    let memory = Memory::new(b"0123");
    File::open(&memory.path).unwrap().set_permissions(PermissionsExt::from_mode(0o444)).unwrap();
    // The owner of everything may write anyway.
    if OpenOptions::new().write(true).open(&memory.path).is_ok() {
        return;
    }
    let regions = Regions::default();
    regions.register("r", &memory.key, 0, 4).unwrap();
    let part = regions.part("r", 0, 4).unwrap();
    part.read(&mut [0; 4]).unwrap();
    assert!(message(&part.check_writable().unwrap_err()).contains("may only read"));
}
