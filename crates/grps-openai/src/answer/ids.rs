//! Identifiers of what an answer has several of.

/// An identifier that follows from the request's and from the position: `call_` and 24 characters.
/// Whole answers and streams have the same ones, and no two answers share any.
pub(crate) fn derived_id(kind: &str, request_id: &str, choice: usize, index: usize) -> String {
    const CHARACTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut state = 0xcbf2_9ce4_8422_2325;
    for part in [request_id.as_bytes(), &choice.to_le_bytes(), &index.to_le_bytes()] {
        for &byte in part {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    let mut id = String::with_capacity(kind.len() + 24);
    id.push_str(kind);
    for _ in 0..3 {
        let mut bits = next_random(&mut state);
        for _ in 0..8 {
            id.push(char::from(CHARACTERS[(bits % 62) as usize]));
            bits /= 62;
        }
    }
    id
}

/// SplitMix64.
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
