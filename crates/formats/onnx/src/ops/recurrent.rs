//! Recurrent operators.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;

use super::index::reversed;
use super::math::activation;
use super::{Entry, many};
use crate::call::Call;
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[
    many("GRU", |c| recurrent(c, Cell::Gru)),
    many("LSTM", |c| recurrent(c, Cell::Lstm)),
    many("RNN", |c| recurrent(c, Cell::Rnn)),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Rnn,
    Gru,
    Lstm,
}

impl Cell {
    /// Blocks of weights, and activations by default.
    const fn parts(self) -> (usize, &'static [&'static str]) {
        match self {
            Self::Rnn => (1, &["Tanh"]),
            Self::Gru => (3, &["Sigmoid", "Tanh"]),
            Self::Lstm => (4, &["Sigmoid", "Tanh", "Tanh"]),
        }
    }
}

type Activation = Box<dyn Fn(&Tensor) -> Tensor>;

/// One direction of a recurrent operator.
struct Direction {
    cell: Cell,
    /// `[inputs, blocks · hidden]`.
    input: Tensor,
    /// `[hidden, blocks · hidden]`.
    hidden: Tensor,
    /// Biases of inputs and of the state, `[blocks · hidden]` each.
    bias: Option<(Tensor, Tensor)>,
    /// Peepholes of the input, output and forget gate.
    peepholes: Option<[Tensor; 3]>,
    activations: Vec<Activation>,
    clip: Option<f64>,
    size: usize,
    /// GRU: the state is multiplied before the reset gate.
    linear_first: bool,
    /// LSTM: the input gate follows from the forget gate.
    coupled: bool,
}

fn activations(call: &Call<'_>, cell: Cell, direction: usize) -> Result<Vec<Activation>> {
    let (_, defaults) = cell.parts();
    let names: Vec<String> = match call.texts("activations")? {
        Some(names) if !names.is_empty() => names.iter().map(|n| String::from_utf8_lossy(n).into_owned()).collect(),
        _ => defaults.iter().cycle().take(2 * defaults.len()).map(|n| (*n).to_owned()).collect(),
    };
    let (alphas, betas) = (call.floats("activation_alpha")?, call.floats("activation_beta")?);
    // Only those that have an argument take one from the lists, in their order.
    let takes = |name: &str, list: &[&str]| list.contains(&name.to_ascii_lowercase().as_str());
    let with_alpha = ["affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu"];
    let with_beta = ["affine", "scaledtanh", "hardsigmoid"];
    let (mut a, mut b) = (0, 0);
    let mut all = Vec::new();
    for name in &names {
        let next = |list: Option<&[f32]>, at: &mut usize, takes: bool| {
            let found = list.filter(|_| takes).and_then(|l| l.get(*at)).map(|x| f64::from(*x));
            *at += usize::from(found.is_some());
            found
        };
        let alpha = next(alphas, &mut a, takes(name, &with_alpha));
        let beta = next(betas, &mut b, takes(name, &with_beta));
        all.push(activation(name, alpha, beta)?);
    }
    let count = defaults.len();
    let own: Vec<Activation> = all.into_iter().skip(direction * count).take(count).collect();
    if own.len() != count {
        fail!(InvalidArgument, "activations: expected {count} for each direction, found others");
    }
    Ok(own)
}

impl Direction {
    fn of(call: &Call<'_>, cell: Cell, direction: usize) -> Result<Self> {
        let one = |t: &Tensor| t.slice_axis(0, direction, 1).squeeze(&[0]);
        let (blocks, _) = cell.parts();
        let (w, r) = (one(call.tensor(1)?), one(call.tensor(2)?));
        let shape = r.shape()?;
        let size = shape.get(1).copied().unwrap_or(0);
        if shape.rank() != 2 || Some(shape[0]) != size.checked_mul(blocks) {
            fail!(ShapeMismatch, "recurrence weights: expected [directions, {blocks} hidden, hidden], found {shape}");
        }
        let bias = call.maybe_tensor(3)?.map(|b| {
            let b = one(b);
            (b.slice_axis(0, 0, blocks * size), b.slice_axis(0, blocks * size, blocks * size))
        });
        let peepholes = match call.maybe_tensor(7)? {
            Some(p) if cell == Cell::Lstm => {
                let p = one(p);
                Some([0, 1, 2].map(|i| p.slice_axis(0, i * size, size)))
            }
            _ => None,
        };
        Ok(Self {
            cell,
            input: w.transpose(&[1, 0]),
            hidden: r.transpose(&[1, 0]),
            bias,
            peepholes,
            activations: activations(call, cell, direction)?,
            clip: call.float("clip")?,
            size,
            linear_first: call.flag("linear_before_reset")?,
            coupled: call.flag("input_forget")?,
        })
    }

    fn activate(&self, i: usize, x: Tensor) -> Tensor {
        let x = match self.clip {
            Some(clip) => x.clip(-clip, clip),
            None => x,
        };
        self.activations[i](&x)
    }

    fn block(&self, x: &Tensor, i: usize) -> Tensor {
        x.slice_axis(-1, i * self.size, self.size)
    }

    /// The next state and, for an LSTM, the next cell, from what the inputs give.
    fn step(&self, x: &Tensor, state: &Tensor, cell: &Tensor) -> (Tensor, Tensor) {
        match self.cell {
            Cell::Rnn => {
                let h = self.with_bias(&state.matmul(&self.hidden));
                (self.activate(0, x + &h), cell.clone())
            }
            Cell::Gru => (self.gru(x, state), cell.clone()),
            Cell::Lstm => self.lstm(x, state, cell),
        }
    }

    fn with_bias(&self, h: &Tensor) -> Tensor {
        self.bias.as_ref().map_or(h.clone(), |(_, b)| h + b)
    }

    fn gru(&self, x: &Tensor, state: &Tensor) -> Tensor {
        let h = self.with_bias(&state.matmul(&self.hidden));
        let update = self.activate(0, self.block(x, 0) + self.block(&h, 0));
        let reset = self.activate(0, self.block(x, 1) + self.block(&h, 1));
        let inner = if self.linear_first {
            &reset * &self.block(&h, 2)
        } else {
            let product = (&reset * state).matmul(self.block(&self.hidden, 2));
            self.bias.as_ref().map_or(product.clone(), |(_, b)| product + self.block(b, 2))
        };
        let candidate = self.activate(1, self.block(x, 2) + inner);
        (update.negative() + 1.0) * candidate + update * state
    }

    fn lstm(&self, x: &Tensor, state: &Tensor, cell: &Tensor) -> (Tensor, Tensor) {
        let gates = x + &self.with_bias(&state.matmul(&self.hidden));
        let peep = |gate: Tensor, i: usize, cell: &Tensor| match &self.peepholes {
            Some(p) => gate + &p[i] * cell,
            None => gate,
        };
        let forget = self.activate(0, peep(self.block(&gates, 2), 2, cell));
        let input =
            if self.coupled { forget.negative() + 1.0 } else { self.activate(0, peep(self.block(&gates, 0), 0, cell)) };
        let candidate = self.activate(1, self.block(&gates, 3));
        let next = forget * cell + input * candidate;
        let output = self.activate(0, peep(self.block(&gates, 1), 1, &next));
        let y = output * self.activations[2](&next);
        (y, next)
    }
}

/// Runs over `[time, batch, inputs]`, from the end where `backwards` says so: the states of all steps in the order of
/// time, the last state and the last cell.
fn run(
    d: &Direction,
    x: &Tensor,
    start: [Tensor; 2],
    lengths: Option<&Tensor>,
    backwards: bool,
) -> Result<(Tensor, Tensor, Tensor)> {
    let shape = x.shape()?;
    let (steps, batch) = (shape[0], shape[1]);
    let mut inputs = x.reshape([steps * batch, shape[2]]).matmul(&d.input);
    if let Some((b, _)) = &d.bias {
        inputs = inputs + b;
    }
    let width = inputs.shape()?[1];
    let inputs = inputs.reshape([steps, batch, width]);
    let [mut state, mut cell] = start;
    let mut all = Vec::with_capacity(steps);
    for step in 0..steps {
        let t = if backwards { steps - 1 - step } else { step };
        let (mut next, mut held) = d.step(&inputs.slice_axis(0, t, 1).squeeze(&[0]), &state, &cell);
        let mut y = next.clone();
        if let Some(lengths) = lengths {
            // Behind its end a sequence keeps its state and gives zeros.
            let going = lengths.greater(t as i64).reshape([batch, 1]);
            y = going.where_(&next, Tensor::zeros_like(&next));
            next = going.where_(&next, &state);
            held = going.where_(&held, &cell);
        }
        (state, cell) = (next, held);
        all.push(y);
    }
    if backwards {
        all.reverse();
    }
    let stacked = if all.is_empty() {
        Tensor::zeros([0, batch, d.size], x.dtype()?)
    } else {
        Tensor::stack(&all.iter().collect::<Vec<_>>(), 0)
    };
    Ok((stacked, state, cell))
}

fn recurrent(call: &Call<'_>, cell: Cell) -> Result<Vec<Value>> {
    let batch_first = call.flag("layout")?;
    let front = |t: &Tensor| if batch_first { t.swapaxes(0, 1) } else { t.clone() };
    let x = front(call.tensor(0)?);
    let shape = x.shape()?;
    if shape.rank() != 3 {
        fail!(RankMismatch, "input: expected 3 axes, found {}", shape.rank());
    }
    let (reverse, count) = match call.text_or("direction", "forward")? {
        "forward" => ([false, false], 1),
        "reverse" => ([true, true], 1),
        "bidirectional" => ([false, true], 2),
        other => fail!(InvalidArgument, "direction: expected forward, reverse or bidirectional, found '{other}'"),
    };
    let lengths = call.maybe_tensor(4)?.map(|l| l.cast(cornet_tensor::DType::I64));
    let (mut outputs, mut states, mut cells) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..count {
        let d = Direction::of(call, cell, i)?;
        let start = |input: usize| -> Result<Tensor> {
            Ok(match call.maybe_tensor(input)? {
                Some(t) => front(t).slice_axis(0, i, 1).squeeze(&[0]),
                None => Tensor::zeros([shape[1], d.size], x.dtype()?),
            })
        };
        // Sequences of different lengths are turned round each by itself.
        let flip = |t: &Tensor| match &lengths {
            Some(lengths) if reverse[i] => reversed(t, lengths, 1, 0),
            _ => Ok(t.clone()),
        };
        let backwards = reverse[i] && lengths.is_none();
        let (y, state, held) = run(&d, &flip(&x)?, [start(5)?, start(6)?], lengths.as_ref(), backwards)?;
        outputs.push(flip(&y)?);
        states.push(state);
        cells.push(held);
    }
    let stack = |list: &[Tensor], axis: isize| Tensor::stack(&list.iter().collect::<Vec<_>>(), axis);
    // `[time, directions, batch, hidden]`, or with the batch in front.
    let y = stack(&outputs, 1);
    let y = if batch_first { y.transpose(&[2, 0, 1, 3]) } else { y };
    let mut results: Vec<Value> = vec![y.into(), front(&stack(&states, 0)).into()];
    if cell == Cell::Lstm {
        results.push(front(&stack(&cells, 0)).into());
    }
    Ok(results)
}
