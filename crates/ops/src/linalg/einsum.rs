//! `einsum`: sums of products named by letters, lowered to transposes, reshapes and matrix products.

use crate::arithmetic::{Arg, common_dtype};
use crate::core::prelude::*;

/// An axis of an operand: a letter, or a place of the ellipsis counted from its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Label {
    Letter(char),
    Ellipsis(usize),
}

/// An operand and what its axes are called.
#[derive(Clone)]
struct Term {
    tensor: Tensor,
    labels: Vec<Label>,
}

impl Term {
    fn size(&self, label: Label) -> Result<Option<usize>> {
        let shape = self.tensor.shape()?;
        Ok(self.labels.iter().position(|&l| l == label).map(|a| shape[a]))
    }

    fn has(&self, label: Label) -> bool {
        self.labels.contains(&label)
    }

    /// Axes in the order of `labels`, all of which it has.
    fn ordered(&self, labels: &[Label]) -> Tensor {
        let axis = |l: &Label| self.labels.iter().position(|o| o == l).map_or(0, |a| a as isize);
        let axes: Vec<isize> = labels.iter().map(axis).collect();
        if axes.is_empty() { self.tensor.clone() } else { self.tensor.transpose(&axes) }
    }

    /// Sums over the axes that are not among `kept`.
    fn keep(self, kept: impl Fn(Label) -> bool) -> Term {
        let gone: Vec<isize> = (0..self.labels.len()).filter(|&a| !kept(self.labels[a])).map(|a| a as isize).collect();
        if gone.is_empty() {
            return self;
        }
        let tensor = self.tensor.sum(&gone, false);
        Term { tensor, labels: self.labels.into_iter().filter(|&l| kept(l)).collect() }
    }
}

/// The letters of each operand and of the result, `...` as `.`.
struct Equation {
    inputs: Vec<Vec<char>>,
    output: Option<Vec<char>>,
}

fn parse(equation: &str) -> Result<Equation> {
    let refuse = |what: String| err!(InvalidArgument, "einsum '{equation}': {what}");
    let compact: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let side = |text: &str| -> Result<Vec<char>> {
        let dotted = text.replacen("...", ".", 1);
        match dotted.chars().find(|c| !c.is_ascii_alphabetic() && *c != '.') {
            Some(c) => Err(refuse(format!("expected letters and '...', found '{c}'"))),
            None if dotted.matches('.').count() > usize::from(text.contains("...")) => {
                Err(refuse("expected one '...' an operand".to_string()))
            }
            None => Ok(dotted.chars().collect()),
        }
    };
    let (left, right) = match compact.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (compact.as_str(), None),
    };
    let inputs = left.split(',').map(side).collect::<Result<Vec<_>>>()?;
    let output = right.map(side).transpose()?;
    if let Some(output) = &output {
        for (i, c) in output.iter().enumerate() {
            if output[..i].contains(c) {
                return Err(refuse(format!("'{c}' is named twice in the result")));
            }
            if *c != '.' && !inputs.iter().any(|o| o.contains(c)) {
                return Err(refuse(format!("'{c}' of the result is in no operand")));
            }
        }
    }
    Ok(Equation { inputs, output })
}

/// Letters to labels, the ellipsis standing for `places` axes.
fn labels(letters: &[char], places: usize) -> Vec<Label> {
    let one = |c: &char| match c {
        '.' => (0..places).rev().map(Label::Ellipsis).collect(),
        c => vec![Label::Letter(*c)],
    };
    letters.iter().flat_map(one).collect()
}

/// An operand with each label once: of axes that share one, the diagonal is taken.
fn term(tensor: &Tensor, letters: &[char], places: usize) -> Result<Term> {
    let mut term = Term { tensor: tensor.clone(), labels: labels(letters, places) };
    while let Some((i, j)) = repeated(&term.labels) {
        let shape = term.tensor.shape()?;
        if shape[i] != shape[j] {
            fail!(DimMismatch, "einsum: a letter that is repeated has sizes {} and {}", shape[i], shape[j]);
        }
        term.tensor = term.tensor.diagonal(0, i as isize, j as isize);
        let label = term.labels.remove(j);
        term.labels.remove(i);
        term.labels.push(label);
    }
    Ok(term)
}

fn repeated(labels: &[Label]) -> Option<(usize, usize)> {
    (0..labels.len()).find_map(|i| (i + 1..labels.len()).find(|&j| labels[j] == labels[i]).map(|j| (i, j)))
}

/// Operands as terms, and the labels of the result.
fn prepare(equation: &str, operands: &[Tensor]) -> Result<(Vec<Term>, Vec<Label>)> {
    let parsed = parse(equation)?;
    if parsed.inputs.len() != operands.len() {
        let (n, found) = (parsed.inputs.len(), operands.len());
        fail!(InvalidArgument, "einsum '{equation}': expected {n} operands, found {found}");
    }
    let (mut terms, mut most) = (Vec::new(), 0);
    for (i, (tensor, letters)) in operands.iter().zip(&parsed.inputs).enumerate() {
        let (rank, named) = (tensor.rank()?, letters.iter().filter(|&&c| c != '.').count());
        let places = if letters.contains(&'.') { rank.checked_sub(named) } else { (rank == named).then_some(0) };
        let Some(places) = places else {
            return Err(err!(RankMismatch, "einsum '{equation}': operand {i}: expected {named} axes, found {rank}")
                .operand(format!("operand {i}"), tensor.ty()?));
        };
        most = most.max(places);
        terms.push(term(tensor, letters, places)?);
    }
    let output = match &parsed.output {
        Some(output) => labels(output, most),
        None => {
            let all: Vec<char> = parsed.inputs.iter().flatten().copied().filter(|c| *c != '.').collect();
            let mut once: Vec<char> =
                all.iter().copied().filter(|c| all.iter().filter(|o| *o == c).count() == 1).collect();
            once.sort_unstable();
            labels(&[&['.'][..], &once].concat(), most)
        }
    };
    Ok((terms, output))
}

/// Drops axes of size 1 whose label is longer elsewhere: they broadcast.
fn squeeze_broadcast(terms: &mut [Term]) -> Result<()> {
    let all: Vec<Label> = terms.iter().flat_map(|t| t.labels.clone()).collect();
    for label in all {
        let mut size = 1;
        for term in terms.iter() {
            match term.size(label)? {
                Some(n) if n != 1 && size != 1 && n != size => {
                    fail!(DimMismatch, "einsum: {label} has sizes {size} and {n}");
                }
                Some(n) if n != 1 => size = n,
                _ => {}
            }
        }
        for term in terms.iter_mut() {
            if size != 1 && term.size(label)? == Some(1) {
                let kept: Vec<Label> = term.labels.iter().copied().filter(|&l| l != label).collect();
                let shape = term.tensor.shape()?;
                let to: Shape =
                    term.labels.iter().zip(&*shape).filter(|(l, _)| **l != label).map(|(_, &d)| d).collect();
                *term = Term { tensor: term.tensor.reshape(to), labels: kept };
            }
        }
    }
    Ok(())
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Label::Letter(c) => write!(f, "'{c}'"),
            Label::Ellipsis(i) => write!(f, "axis {i} from the end of '...'"),
        }
    }
}

/// Sums the product of two terms over what neither the result nor another term needs.
fn contract(a: Term, b: Term, needed: impl Fn(Label) -> bool) -> Result<Term> {
    let a = a.keep(|l| b.has(l) || needed(l));
    let b = b.keep(|l| a.has(l) || needed(l));
    let both = |l: &Label| a.has(*l) && b.has(*l);
    let batch: Vec<Label> = a.labels.iter().copied().filter(|l| both(l) && needed(*l)).collect();
    let summed_in = |t: &Term| t.labels.iter().copied().filter(|l| both(l) && !needed(*l)).collect::<Vec<_>>();
    let left: Vec<Label> = a.labels.iter().copied().filter(|l| !b.has(*l)).collect();
    let right: Vec<Label> = b.labels.iter().copied().filter(|l| !a.has(*l)).collect();
    let result = [&batch[..], &left, &right].concat();
    let product =
        |labels: &[Label], t: &Term| -> Result<usize> { labels.iter().map(|&l| Ok(t.size(l)?.unwrap_or(1))).product() };
    let sizes = |labels: &[Label], t: &Term| -> Result<Vec<usize>> {
        labels.iter().map(|&l| Ok(t.size(l)?.unwrap_or(1))).collect()
    };
    if summed_in(&a).is_empty() {
        // No sum: an element-wise product.
        let a_shape = [sizes(&batch, &a)?, sizes(&left, &a)?, vec![1; right.len()]].concat();
        let b_shape = [sizes(&batch, &b)?, vec![1; left.len()], sizes(&right, &b)?].concat();
        let a = a.ordered(&[&batch[..], &left].concat()).reshape(a_shape);
        let b = b.ordered(&[&batch[..], &right].concat()).reshape(b_shape);
        return Ok(Term { tensor: a * b, labels: result });
    }
    // The order of the summed axes that spares most transposes.
    let moves = |summed: &[Label]| {
        let fits = |t: &Term, own: &[Label]| {
            t.labels == [&batch[..], own, summed].concat() || t.labels == [&batch[..], summed, own].concat()
        };
        usize::from(!fits(&a, &left)) + usize::from(!fits(&b, &right))
    };
    let (first, second) = (summed_in(&a), summed_in(&b));
    let summed = if moves(&second) < moves(&first) { second } else { first };
    // Batch axes stay apart: joined, they would have to be copied behind each other first.
    let lead = sizes(&batch, &a)?;
    let (m, k, p) = (product(&left, &a)?, product(&summed, &a)?, product(&right, &b)?);
    let a_transposed = a.labels == [&batch[..], &summed, &left].concat() && !left.is_empty();
    let b_transposed = b.labels == [&batch[..], &right, &summed].concat() && !right.is_empty();
    let x = if a_transposed {
        a.tensor.reshape([&lead[..], &[k, m]].concat())
    } else {
        a.ordered(&[&batch[..], &left, &summed].concat()).reshape([&lead[..], &[m, k]].concat())
    };
    let y = if b_transposed {
        b.tensor.reshape([&lead[..], &[p, k]].concat())
    } else {
        b.ordered(&[&batch[..], &summed, &right].concat()).reshape([&lead[..], &[k, p]].concat())
    };
    let shape = [sizes(&batch, &a)?, sizes(&left, &a)?, sizes(&right, &b)?].concat();
    Ok(Term { tensor: x.matmul_with(&y, a_transposed, b_transposed).reshape(shape), labels: result })
}

/// The pair of terms whose product is smallest.
fn cheapest(terms: &[Term]) -> Result<(usize, usize)> {
    let mut best = (usize::MAX, (0, 1));
    for i in 0..terms.len() {
        for j in i + 1..terms.len() {
            let mut size = 1_usize;
            let own = terms[i].labels.iter();
            for &label in own.chain(terms[j].labels.iter().filter(|l| !terms[i].has(**l))) {
                let n = match terms[i].size(label)? {
                    Some(n) => n,
                    None => terms[j].size(label)?.unwrap_or(1),
                };
                size = size.saturating_mul(n);
            }
            if size < best.0 {
                best = (size, (i, j));
            }
        }
    }
    Ok(best.1)
}

impl Tensor {
    /// The sum of products that `equation` describes: axes of one letter are multiplied against each other, and letters
    /// that the result does not name are summed over.
    ///
    /// `...` stands for any axes, which broadcast. Without `->` the result has the letters that occur once, in
    /// alphabetical order. A letter repeated in one operand takes its diagonal.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let a = Tensor::of([[1.0_f32, 2.0], [3.0, 4.0]]);
    /// assert_eq!(Tensor::einsum("ij,jk->ki", &[&a, &a]).to_vec::<f32>()?, [7.0, 15.0, 10.0, 22.0]);
    /// assert_eq!(Tensor::einsum("ii", &[&a]).item::<f32>()?, 5.0);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalid_argument` for an equation that does not parse or fit the number of operands; `rank_mismatch` and
    /// `dim_mismatch` where axes do not fit their letters.
    ///
    /// # Source
    /// Keras 3 `keras.ops.einsum`; NumPy `einsum`.
    #[track_caller]
    pub fn einsum(equation: &str, operands: &[&Tensor]) -> Tensor {
        Tensor::lift(|| {
            let args: Vec<Arg> = operands.iter().map(|&t| t.into()).collect();
            let dtype = match common_dtype(&args)? {
                DType::Bool => DType::I32,
                dtype => dtype,
            };
            let operands: Vec<Tensor> = operands.iter().map(|t| t.cast(dtype)).collect();
            let (mut terms, output) = prepare(equation, &operands)?;
            squeeze_broadcast(&mut terms).map_err(|e| e.within(format!("'{equation}'")))?;
            while terms.len() > 1 {
                let (i, j) = cheapest(&terms)?;
                let (b, a) = (terms.remove(j), terms.remove(i));
                let product = contract(a, b, |l| output.contains(&l) || terms.iter().any(|t| t.has(l)))?;
                terms.push(product);
            }
            let Some(last) = terms.pop() else { fail!(InvalidArgument, "einsum '{equation}': no operands") };
            let last = last.keep(|l| output.contains(&l));
            let missing = output.iter().any(|&l| !last.has(l));
            if !missing {
                return Ok(last.ordered(&output));
            }
            fail!(InvalidArgument, "einsum '{equation}': the result names '...', which no operand has");
        })
    }
}
