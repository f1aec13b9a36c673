use super::*;

/// A WAV file.
fn wav(tag: u16, bits: u16, channels: u16, rate: u32, data: &[u8]) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
    file.extend(tag.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend([0; 6]);
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    file.extend(data);
    file
}

fn samples(file: &[u8]) -> Vec<f32> {
    let recording = Recording::read(file, "file").unwrap();
    let [part] = &recording.parts(30.0)[..] else { panic!("several parts") };
    recording.samples(part)
}

fn refusal(file: &[u8]) -> String {
    Recording::read(file, "file").unwrap_err().message().to_owned()
}

#[test]
fn samples_of_all_types_are_read() {
    let half = [0.5, -0.5, 0.0];
    assert_eq!(samples(&wav(1, 8, 1, 16_000, &[192, 64, 128])), half);
    let shorts: Vec<u8> =
        [16_384i16, -16_384, 0].iter().flat_map(|one| one.to_le_bytes()).collect();
    assert_eq!(samples(&wav(1, 16, 1, 16_000, &shorts)), half);
    assert_eq!(samples(&wav(1, 24, 1, 16_000, &[0, 0, 64, 0, 0, 192, 0, 0, 0])), half);
    let long: Vec<u8> =
        [1i32 << 30, -(1 << 30), 0].iter().flat_map(|one| one.to_le_bytes()).collect();
    assert_eq!(samples(&wav(1, 32, 1, 16_000, &long)), half);
    let floats: Vec<u8> =
        [0.5f32, -0.5, f32::NAN].iter().flat_map(|one| one.to_le_bytes()).collect();
    assert_eq!(samples(&wav(3, 32, 1, 16_000, &floats)), half);
    let doubles: Vec<u8> = [0.5f64, -0.5, 0.0].iter().flat_map(|one| one.to_le_bytes()).collect();
    assert_eq!(samples(&wav(3, 64, 1, 16_000, &doubles)), half);
    assert_eq!(samples(&wav(1, 8, 2, 16_000, &[255, 129, 64, 64, 128, 128]))[1..], half[1..]);
}

#[test]
fn a_wrong_length_of_a_stream_ends_with_the_file() {
    let mut file = wav(1, 8, 1, 16_000, &[192, 64, 128]);
    let at = file.len() - 7;
    file[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(samples(&file).len(), 3);
}

#[test]
fn long_recordings_end_parts_where_it_is_quiet() {
    let mut data = vec![200; 16_000 * 5];
    data[28_000..30_000].fill(128);
    let file = wav(1, 8, 1, 16_000, &data);
    let recording = Recording::read(&file, "file").unwrap();
    assert_eq!(recording.seconds(), 5.0);
    assert_eq!(recording.parts(5.0).len(), 1);
    let parts = recording.parts(2.0);
    let (first, last) = (&parts[0], &parts[parts.len() - 1]);
    assert!((1.75..1.875).contains(&first.end), "{}", first.end);
    assert_eq!((first.start, last.end), (0.0, 5.0));
    assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
    assert!(parts.iter().all(|part| part.end - part.start <= 2.0 && part.end > part.start));
    let total: usize = parts.iter().map(|part| recording.samples(part).len()).sum();
    assert_eq!(total, 80_000);
}

#[test]
fn what_can_not_be_read_is_named() {
    for (file, problem) in [
        (b"".to_vec(), "it is empty"),
        (b"ID3\x04".to_vec(), "it is an MP3 file"),
        (b"\0\0\0\x20ftypM4A ".to_vec(), "it is an MP4 file"),
        (b"hello".to_vec(), "it is something else"),
        (wav(1, 12, 1, 16_000, &[0]), "it has 12 bits per sample"),
        (wav(7, 8, 1, 16_000, &[0]), "it is compressed (format 7)"),
        (wav(1, 8, 0, 16_000, &[0]), "it has 0 channels"),
        (wav(1, 8, 9, 16_000, &[0; 9]), "it has 9 channels, from 1 to 8 are allowed"),
        (wav(1, 8, 1, 7_975, &[0]), "it has 7975 samples per second"),
        (wav(1, 8, 1, 192_025, &[0]), "it has 192025 samples per second"),
        (wav(1, 8, 1, 44_101, &[0]), "it has 44101 samples per second"),
        (wav(1, 8, 1, 16_000, &[]), "it has no samples"),
        (wav(1, 16, 1, 16_000, &[0]), "it has no samples"),
        (wav(1, 8, 1, 16_000, &[0])[..40].to_vec(), "its head is cut short"),
    ] {
        let message = refusal(&file);
        assert!(message.contains(problem), "{message}");
    }
    for end in 0..60 {
        let _ = Recording::read(&wav(1, 8, 8, 192_000, &[0; 8])[..end], "file");
    }
    assert_eq!(samples(&wav(1, 8, 8, 192_000, &[128; 8])), [0.0]);
    assert_eq!(samples(&wav(1, 8, 1, 8_000, &[128])).len(), 2);
}
