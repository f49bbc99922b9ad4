//! Graphs with their edges resolved.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use cornet_error::{Limits, Result, err, fail};

use crate::attr::{Attr, Attrs};
use crate::outputs;
use crate::proto::{FunctionDef, NodeDef};

/// One output of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub node: usize,
    pub port: usize,
}

/// A node with its inputs.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub name: String,
    pub op: String,
    pub inputs: Vec<Edge>,
    pub controls: Vec<usize>,
    pub attrs: Attrs,
}

/// The op of the nodes that stand for the arguments of a function.
pub(crate) const ARGUMENT: &str = "_Arg";

/// A loop of TensorFlow 1: its nodes, found by the name of its frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// Nodes that bring in what stays the same.
    pub constants: Vec<usize>,
    /// The variables of the loop.
    pub variables: Vec<LoopVariable>,
    /// The node that says whether to go on.
    pub condition: Option<usize>,
}

/// A variable of a loop of TensorFlow 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoopVariable {
    pub enter: usize,
    pub merge: usize,
    pub next: usize,
    /// It leaves the loop here, if it does.
    pub exit: Option<usize>,
}

/// A graph, or the body of a function.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub name: String,
    pub nodes: Vec<Node>,
    pub index: HashMap<String, usize>,
    /// The nodes of the arguments.
    pub arguments: Vec<usize>,
    pub results: Vec<Edge>,
    pub controls: Vec<usize>,
    pub frames: Vec<Frame>,
    /// From exits and enters to the frame.
    pub frame_of: HashMap<usize, usize>,
    order: OnceLock<Arc<[usize]>>,
}

/// The name of the node in `name`, `name:1` or `^name`, and the output.
pub(crate) fn split_name(text: &str) -> (&str, usize) {
    let text = text.strip_prefix('^').unwrap_or(text);
    match text.rsplit_once(':') {
        Some((name, port)) => port.parse().map_or((text, 0), |port| (name, port)),
        None => (text, 0),
    }
}

impl Graph {
    /// The graph of a `GraphDef`.
    ///
    /// # Errors
    /// `corrupt` for names that occur twice or not at all; `unsupported` for loops of another form than TensorFlow's.
    pub fn of_nodes(nodes: Vec<NodeDef>) -> Result<Self> {
        let mut graph = Self::with_nodes("graph", Vec::new(), nodes.iter())?;
        for (at, node) in nodes.iter().enumerate() {
            let (mut inputs, mut controls) = (Vec::new(), Vec::new());
            for input in &node.inputs {
                let (name, port) = split_name(input);
                let found = graph.node(name).map_err(|e| e.within(node.name.clone()))?;
                if input.starts_with('^') { controls.push(found) } else { inputs.push(Edge { node: found, port }) }
            }
            (graph.nodes[at].inputs, graph.nodes[at].controls) = (inputs, controls);
        }
        graph.find_frames()?;
        Ok(graph)
    }

    /// The graph of a function.
    ///
    /// # Errors
    /// As [`Graph::of_nodes`].
    pub fn of_function(def: &FunctionDef) -> Result<Self> {
        let mut graph = Self::with_nodes(&def.name, def.arguments.clone(), def.nodes.iter())?;
        let first = def.arguments.len();
        for (i, node) in def.nodes.iter().enumerate() {
            let (mut inputs, mut controls) = (Vec::new(), Vec::new());
            for input in &node.inputs {
                match input.strip_prefix('^') {
                    Some(name) => controls.push(graph.node(split_name(name).0)?),
                    None => inputs.push(graph.edge(input).map_err(|e| e.within(node.name.clone()))?),
                }
            }
            (graph.nodes[first + i].inputs, graph.nodes[first + i].controls) = (inputs, controls);
        }
        for result in &def.results {
            let from = def.returns.get(result).ok_or_else(|| {
                err!(Corrupt, "function {}: expected a value for the result '{result}', found none", def.name)
            })?;
            graph.results.push(graph.edge(from)?);
        }
        for name in &def.controls {
            graph.controls.push(graph.node(name)?);
        }
        graph.find_frames()?;
        Ok(graph)
    }

    fn with_nodes<'a>(name: &str, arguments: Vec<String>, defs: impl Iterator<Item = &'a NodeDef>) -> Result<Self> {
        let mut graph = Self { name: name.to_owned(), ..Self::default() };
        graph.arguments = (0..arguments.len()).collect();
        let empty = Attrs::default();
        let arguments = arguments.into_iter().map(|name| (name, ARGUMENT.to_owned(), empty.clone()));
        let nodes = defs.map(|d| (d.name.clone(), d.op.clone(), d.attrs.clone()));
        for (name, op, attrs) in arguments.chain(nodes.collect::<Vec<_>>()) {
            if graph.index.insert(name.clone(), graph.nodes.len()).is_some() {
                fail!(Corrupt, "{}: two nodes are named '{name}'", graph.name);
            }
            graph.nodes.push(Node { name, op, inputs: Vec::new(), controls: Vec::new(), attrs });
        }
        Ok(graph)
    }

    /// The node of that name.
    ///
    /// # Errors
    /// `corrupt` if there is none.
    pub fn node(&self, name: &str) -> Result<usize> {
        let found = self.index.get(name).copied();
        found.ok_or_else(|| err!(Corrupt, "{}: there is no node '{name}'", self.name))
    }

    /// The output that `argument`, `node:output` or `node:output:index` names inside a function.
    fn edge(&self, text: &str) -> Result<Edge> {
        let mut parts = text.split(':');
        let node = self.node(parts.next().unwrap_or_default())?;
        let (output, index) = (parts.next(), parts.next());
        let port = |text: Option<&str>| text.map_or(Some(0), |t| t.parse::<usize>().ok());
        let wrong = || err!(Corrupt, "{}: expected an output of a node, found '{text}'", self.name);
        let port = match output {
            None => 0,
            Some(number) if index.is_none() && number.parse::<usize>().is_ok() => port(output).ok_or_else(wrong)?,
            Some(output) => {
                let at = &self.nodes[node];
                let first = outputs::first_port(&at.op, output, &at.attrs).ok_or_else(wrong)?;
                port(index).and_then(|i| i.checked_add(first)).ok_or_else(wrong)?
            }
        };
        Ok(Edge { node, port })
    }

    /// What a node waits for: of a loop, what enters it.
    pub fn needs(&self, node: usize, into: &mut Vec<usize>) {
        let own = |at: usize, into: &mut Vec<usize>| {
            into.extend(self.nodes[at].inputs.iter().map(|e| e.node));
            into.extend(&self.nodes[at].controls);
        };
        match self.frame_of.get(&node).map(|&f| &self.frames[f]) {
            Some(frame) if self.nodes[node].op.ends_with("Exit") => {
                frame.constants.iter().chain(frame.variables.iter().map(|v| &v.enter)).for_each(|&e| own(e, into));
            }
            _ => own(node, into),
        }
    }

    /// The nodes that `roots` need, each after what it needs, without those behind `known`.
    ///
    /// # Errors
    /// `corrupt` for a cycle.
    pub fn order(&self, roots: &[usize], known: &dyn Fn(usize) -> bool) -> Result<Vec<usize>> {
        const NEW: u8 = 0;
        const OPEN: u8 = 1;
        const DONE: u8 = 2;
        let (mut state, mut order, mut needs) = (vec![NEW; self.nodes.len()], Vec::new(), Vec::new());
        let mut stack: Vec<usize> = roots.iter().rev().copied().collect();
        while let Some(&node) = stack.last() {
            match state[node] {
                NEW if known(node) => {
                    state[node] = DONE;
                    stack.pop();
                }
                NEW => {
                    state[node] = OPEN;
                    needs.clear();
                    self.needs(node, &mut needs);
                    for &need in needs.iter().rev() {
                        match state[need] {
                            NEW => stack.push(need),
                            OPEN => {
                                let name = &self.nodes[need].name;
                                fail!(Corrupt, "{}: node '{name}' depends on itself", self.name);
                            }
                            _ => {}
                        }
                    }
                }
                OPEN => {
                    state[node] = DONE;
                    order.push(node);
                    stack.pop();
                }
                _ => {
                    stack.pop();
                }
            }
        }
        Ok(order)
    }

    /// The order of a whole function, found once.
    ///
    /// # Errors
    /// As [`Graph::order`].
    pub fn whole_order(&self) -> Result<Arc<[usize]>> {
        if let Some(order) = self.order.get() {
            return Ok(order.clone());
        }
        let roots: Vec<usize> = self.results.iter().map(|e| e.node).chain(self.controls.iter().copied()).collect();
        let order: Arc<[usize]> = self.order(&roots, &|_| false)?.into();
        Ok(self.order.get_or_init(|| order).clone())
    }

    /// The output that an edge stands for, seen through nodes that hand on their input.
    pub fn source(&self, mut edge: Edge) -> Edge {
        for _ in 0..self.nodes.len() {
            let node = &self.nodes[edge.node];
            match (node.op.as_str(), node.inputs.get(edge.port)) {
                ("Identity" | "IdentityN" | "StopGradient", Some(&input)) => edge = input,
                _ => break,
            }
        }
        edge
    }

    /// The nodes among `sources` on which `root` depends.
    pub fn depends_on(&self, root: usize, sources: &[usize]) -> BTreeSet<usize> {
        let (mut seen, mut found, mut stack) = (vec![false; self.nodes.len()], BTreeSet::new(), vec![root]);
        while let Some(node) = stack.pop() {
            if std::mem::replace(&mut seen[node], true) {
                continue;
            }
            match sources.iter().position(|&s| s == node) {
                Some(at) => {
                    found.insert(at);
                }
                None => self.needs(node, &mut stack),
            }
        }
        found
    }

    /// Finds the loops of TensorFlow 1.
    fn find_frames(&mut self) -> Result<()> {
        let mut frames: BTreeMap<String, Frame> = BTreeMap::new();
        let mut merges: HashMap<usize, usize> = HashMap::new();
        let mut exits: HashMap<usize, usize> = HashMap::new();
        let wrong = |what: &str, name: &str| err!(Unsupported, "loop of TensorFlow 1: {what} at node '{name}'");
        for (at, node) in self.nodes.iter().enumerate() {
            let first = || node.inputs.first().map(|e| e.node).ok_or_else(|| wrong("no input", &node.name));
            match node.op.as_str() {
                "Merge" | "RefMerge" => node.inputs.iter().for_each(|e| {
                    merges.insert(e.node, at);
                }),
                "Exit" | "RefExit" => {
                    let switch = &self.nodes[first()?];
                    let merge = switch.inputs.first().ok_or_else(|| wrong("no input", &switch.name))?;
                    exits.insert(merge.node, at);
                }
                _ => {}
            }
        }
        let mut members: Vec<(String, usize)> = Vec::new();
        for (at, node) in self.nodes.iter().enumerate().filter(|(_, n)| n.op == "Enter" || n.op == "RefEnter") {
            let Some(Attr::Bytes(name)) = node.attrs.get("frame_name") else {
                return Err(wrong("no name of a frame", &node.name));
            };
            let name = String::from_utf8_lossy(name).into_owned();
            members.push((name.clone(), at));
            let frame = frames.entry(name).or_default();
            if matches!(node.attrs.get("is_constant"), Some(Attr::Bool(true))) {
                frame.constants.push(at);
                continue;
            }
            let merge = *merges.get(&at).ok_or_else(|| wrong("a variable that nothing merges", &node.name))?;
            let next = self.nodes[merge].inputs.iter().map(|e| e.node).find(|&n| n != at);
            let next = next.ok_or_else(|| wrong("a variable without a next value", &node.name))?;
            if !matches!(self.nodes[next].op.as_str(), "NextIteration" | "RefNextIteration") {
                return Err(wrong("another end than NextIteration", &node.name));
            }
            // The condition is what the switch behind the merge asks.
            let switch = self.nodes.iter().find(|n| {
                n.op.ends_with("Switch")
                    && n.inputs.first().is_some_and(|e| e.node == merge)
                    && n.inputs.get(1).is_some_and(|e| self.nodes[e.node].op == "LoopCond")
            });
            if let Some(condition) = switch.and_then(|s| s.inputs.get(1)) {
                frame.condition = Some(condition.node);
            }
            frame.variables.push(LoopVariable { enter: at, merge, next, exit: exits.get(&merge).copied() });
        }
        let names: Vec<String> = frames.keys().cloned().collect();
        self.frames = frames.into_values().collect();
        for (name, at) in members {
            let frame = names.iter().position(|n| *n == name).unwrap_or_default();
            self.frame_of.insert(at, frame);
        }
        for (f, frame) in self.frames.iter().enumerate() {
            for exit in frame.variables.iter().filter_map(|v| v.exit) {
                self.frame_of.insert(exit, f);
            }
        }
        Limits::check("loops of a graph", self.frames.len() as u64, 10_000)
    }
}
