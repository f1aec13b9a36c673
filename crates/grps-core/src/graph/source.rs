//! Where a node of a graph takes a tensor from.

/// A tensor of the request or of a node's answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The node's place in the graph; `None` for the request.
    pub node: Option<usize>,
    /// The tensor's name.
    pub tensor: String,
}
