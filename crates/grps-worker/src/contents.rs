//! Tensors and messages in packets, for both ends.

use grps_core::{Buffer, Content, DataType, Tensor, Values};

use crate::body::{Blobs, PacketError, Received, malformed};
use crate::meta::{ContentMeta, MESSAGE, RAW, TENSORS, TensorMeta, Texts};

/// Adds a tensor's elements to a packet and describes it.
pub(crate) fn describe<'a>(tensor: &'a Tensor, blobs: &mut Blobs<'a>) -> TensorMeta {
    let is_text = tensor.dtype() == DataType::String;
    let texts = is_text.then(|| Texts::from(tensor.buffer().clone()));
    TensorMeta {
        name: tensor.name().to_owned(),
        dtype: tensor.dtype().name().to_owned(),
        shape: tensor.shape().to_vec(),
        blob: blobs.add(tensor.elements().bytes()),
        texts,
    }
}

/// Adds content to a packet and describes it.
pub(crate) fn describe_content<'a>(content: &'a Content, blobs: &mut Blobs<'a>) -> ContentMeta {
    let (form, tensors, blob) = match content {
        Content::Tensors(tensors) => {
            let tensors = tensors.iter().map(|tensor| describe(tensor, blobs)).collect();
            (TENSORS, tensors, (0, 0))
        }
        Content::Message(message) => (MESSAGE, Vec::new(), blobs.add(message)),
        Content::Raw(bytes) => (RAW, Vec::new(), blobs.add(bytes)),
    };
    ContentMeta { form, tensors, blob }
}

/// Reads content out of a packet.
pub(crate) fn read_content(packet: &Received, meta: ContentMeta) -> Result<Content, PacketError> {
    match meta.form {
        TENSORS => read_tensors(packet, meta.tensors).map(Content::Tensors),
        MESSAGE => Ok(Content::Message(packet.blob(meta.blob)?.into())),
        RAW => Ok(Content::Raw(packet.blob(meta.blob)?.into())),
        form => Err(malformed(format!("no content is of form {form}"))),
    }
}

/// Reads tensors out of a packet.
pub(crate) fn read_tensors(
    packet: &Received,
    metas: Vec<TensorMeta>,
) -> Result<Vec<Tensor>, PacketError> {
    metas.into_iter().map(|meta| read_tensor(packet, meta)).collect()
}

fn read_tensor(packet: &Received, meta: TensorMeta) -> Result<Tensor, PacketError> {
    let dtype = DataType::from_name(&meta.dtype)
        .ok_or_else(|| malformed(format!("no tensor is of type '{}'", meta.dtype)))?;
    let values: Buffer = match (dtype.width(), meta.texts) {
        (None, texts) => texts.map_or_else(|| Values::String(Vec::new()).into(), Buffer::from),
        (Some(width), _) => {
            let (length, width) = (meta.blob.1, width as u64);
            if length > packet.data_length() || !length.is_multiple_of(width) {
                return Err(malformed(format!("tensor '{}' has {length} bytes", meta.name)));
            }
            let count = usize::try_from(length / width).unwrap_or_default();
            Values::read(dtype, count, |target| packet.read(meta.blob, target))?.into()
        }
    };
    Tensor::new(meta.name.into(), meta.shape, values).map_err(|error| malformed(error.message()))
}
