//! Strategies for messages. Floats are never NaN, so that messages can be compared.

use bytes::Bytes;
use grps_core::Values;
use grps_server::codec::{Data, GrpsMessage, MapData, Outcome, Status, WireTensor};
use half::f16;
use proptest::collection::{SizeRange, hash_map, vec};
use proptest::prelude::*;
use proptest::sample::subsequence;

pub(crate) fn message() -> impl Strategy<Value = GrpsMessage> {
    (proptest::option::of(status()), ".{0,8}", data())
        .prop_map(|(status, model, data)| GrpsMessage { status, model, data })
}

fn status() -> impl Strategy<Value = Status> {
    (any::<i32>(), ".{0,20}", -1..5).prop_map(|(code, msg, outcome)| Status {
        code,
        msg: msg.into(),
        outcome: Outcome(outcome),
    })
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![
        Just(Data::None),
        vec(any::<u8>(), 0..300).prop_map(|bytes| Data::Binary(bytes.into())),
        ".{0,200}".prop_map(Data::Text),
        vec(tensor(), 0..4).prop_map(Data::Tensors),
        Just(Data::NdArrayMarker),
        map().prop_map(|map| Data::Map(Box::new(map))),
    ]
}

fn tensor() -> impl Strategy<Value = WireTensor> {
    let dtype = prop_oneof![4 => 1..=9, 1 => any::<i32>()];
    (".{0,6}", dtype, vec(any::<u32>(), 0..5), columns()).prop_map(
        |(name, dtype, shape, columns)| WireTensor {
            name: name.into(),
            dtype,
            shape: shape.into(),
            columns,
        },
    )
}

/// Any of the columns, in field order, each with at least one element.
fn columns() -> impl Strategy<Value = Vec<Values>> {
    let size = || SizeRange::from(1..40);
    let all = (
        vec(any::<u8>(), size()).prop_map(Values::Uint8),
        vec(any::<i8>(), size()).prop_map(Values::Int8),
        vec(any::<i16>(), size()).prop_map(Values::Int16),
        vec(prop_oneof![any::<i32>(), 0..100], size()).prop_map(Values::Int32),
        vec(prop_oneof![any::<i64>(), 0i64..100], size()).prop_map(Values::Int64),
        vec(half(), size()).prop_map(Values::Float16),
        vec(float(), size()).prop_map(Values::Float32),
        vec(double(), size()).prop_map(Values::Float64),
        prop_oneof![
            vec(".{0,5}".prop_map(Bytes::from), size()),
            vec(vec(any::<u8>(), 0..5).prop_map(Bytes::from), size()),
        ]
        .prop_map(Values::String),
    );
    (all, subsequence((0..9).collect::<Vec<usize>>(), 0..3)).prop_map(|(all, chosen)| {
        let (a, b, c, d, e, f, g, h, i) = all;
        let all = [a, b, c, d, e, f, g, h, i];
        chosen.into_iter().map(|index| all[index].clone()).collect()
    })
}

fn map() -> impl Strategy<Value = MapData> {
    let binary = vec(any::<u8>(), 0..9).prop_map(Bytes::from);
    (
        entries(".{0,5}"),
        entries(binary),
        entries(any::<i32>()),
        entries(any::<i64>()),
        entries(float()),
        entries(double()),
    )
        .prop_map(|(s_s, s_b, s_i32, s_i64, s_f, s_d)| MapData {
            s_s,
            s_b,
            s_i32,
            s_i64,
            s_f,
            s_d,
        })
}

fn entries<V: std::fmt::Debug>(
    value: impl Strategy<Value = V>,
) -> impl Strategy<Value = Vec<(String, V)>> {
    hash_map(".{0,4}", value, 0..4).prop_map(|map| map.into_iter().collect())
}

fn half() -> impl Strategy<Value = f16> {
    any::<u16>().prop_map(f16::from_bits).prop_filter("NaN", |value| !value.is_nan())
}

pub(crate) fn float() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits).prop_filter("NaN", |value| !value.is_nan())
}

pub(crate) fn double() -> impl Strategy<Value = f64> {
    any::<u64>().prop_map(f64::from_bits).prop_filter("NaN", |value| !value.is_nan())
}
