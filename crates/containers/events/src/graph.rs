//! Graphs, as TensorFlow's `GraphDef` has them.

use cornet_proto::Encoder;

/// A node of a graph: a layer or an op.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphNode {
    /// Its name; slashes make folders that TensorBoard opens and closes.
    pub name: String,
    /// What it is, such as `Dense`.
    pub op: String,
    /// The names of the nodes that it takes.
    pub inputs: Vec<String>,
    /// Words that TensorBoard shows beside it.
    pub attributes: Vec<(String, String)>,
}

/// The message of a graph.
pub(crate) fn graph(nodes: &[GraphNode]) -> Encoder {
    let mut graph = Encoder::new();
    for node in nodes {
        let mut message = Encoder::new().text(1, &node.name).text(2, &node.op);
        for input in &node.inputs {
            message = message.text(3, input);
        }
        for (name, value) in &node.attributes {
            let value = Encoder::new().text(2, value);
            message = message.message(5, Encoder::new().text(1, name).message(2, value));
        }
        graph = graph.message(1, message);
    }
    // Readers ask for the version of the producer.
    graph.message(4, Encoder::new().int(1, 22))
}
