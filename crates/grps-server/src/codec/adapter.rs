//! The engine's door to the codec.

use bytes::Bytes;
use grps_core::{ContentAdapter, Error, Tensor};

use super::proto;
use super::room::Room;

/// Translates between tensors and encoded messages for the engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Codec;

impl ContentAdapter for Codec {
    fn to_tensors(&self, message: Bytes) -> Result<Vec<Tensor>, Error> {
        proto::decode_tensors(&message)
    }

    fn to_message(&self, tensors: &[Tensor]) -> Result<Bytes, Error> {
        proto::encode_input(tensors, &Room::unlimited())
    }
}

#[cfg(test)]
mod tests {
    use grps_core::Values;

    use super::*;

    #[test]
    fn both_ways() {
        let tensor = Tensor::new("x".into(), vec![2], Values::Int64(vec![-1, 7])).unwrap();
        let message = Codec.to_message(std::slice::from_ref(&tensor)).unwrap();
        assert_eq!(Codec.to_tensors(message).unwrap(), [tensor]);
        let tensor = Tensor::new("x".into(), vec![1], Values::Uint16(vec![7])).unwrap();
        let refused = Codec.to_message(&[tensor]).unwrap_err();
        assert_eq!(refused.message(), "tensor 'x' has type uint16, which has no GRPS data type");
    }
}
