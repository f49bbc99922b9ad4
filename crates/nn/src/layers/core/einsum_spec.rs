//! What the equation of an `EinsumDense` says about the shapes of kernel, bias and output.

use cornet_error::{Result, err, fail};

use crate::shape::PartialShape;

/// An equation `ab,bc->ac`, `...b,bc->...c` or `ab...,bc->ac...` in parts, without the dots.
pub(super) struct EinsumSpec {
    input: Vec<char>,
    kernel: Vec<char>,
    output: Vec<char>,
    dots: Dots,
}

#[derive(Clone, Copy, PartialEq)]
enum Dots {
    None,
    Left,
    Right,
}

/// The shapes that an input of known rank leads to.
pub(super) struct EinsumShapes {
    pub kernel: Vec<usize>,
    pub bias: Option<Vec<usize>>,
    /// The axes of the kernel that are summed over, and the others: an initializer's inputs and outputs.
    pub input_axes: Vec<usize>,
    pub output_axes: Vec<usize>,
}

fn letters(text: &str) -> Option<Vec<char>> {
    (!text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic())).then(|| text.chars().collect())
}

impl EinsumSpec {
    /// The parts of an equation.
    ///
    /// # Errors
    /// `invalid_argument` for one that is of another form.
    pub fn parse(equation: &str) -> Result<Self> {
        Self::parts(equation).ok_or_else(|| {
            err!(
                InvalidArgument,
                "equation: expected a form like ab,bc->ac, ...b,bc->...c or ab...,bc->ac..., found '{equation}'"
            )
        })
    }

    fn parts(equation: &str) -> Option<Self> {
        let (operands, output) = equation.split_once("->")?;
        let (input, kernel) = operands.split_once(',')?;
        let of = |dots: Dots, input: &str, output: &str| {
            Some(Self { input: letters(input)?, kernel: letters(kernel)?, output: letters(output)?, dots })
        };
        if let (Some(input), Some(output)) = (input.strip_prefix("..."), output.strip_prefix("...")) {
            return of(Dots::Left, input, output);
        }
        match (input.strip_suffix("..."), output.strip_suffix("...")) {
            (Some(input), Some(output)) if input.len() >= 2 => of(Dots::Right, input, output),
            _ => of(Dots::None, input, output),
        }
    }

    /// How many axes of the input the dots stand for.
    fn elided(&self, input: &PartialShape) -> Result<usize> {
        let (rank, named) = (input.rank(), self.input.len());
        match (self.dots, rank.checked_sub(named)) {
            (Dots::None, Some(0)) => Ok(0),
            (Dots::Left, Some(elided)) if elided > 0 => Ok(elided),
            (Dots::Right, Some(elided)) => Ok(elided),
            (Dots::None, _) => fail!(RankMismatch, "axes of the input: expected {named}, found {rank}"),
            (Dots::Left, _) => fail!(RankMismatch, "axes of the input: expected at least {}, found {rank}", named + 1),
            (Dots::Right, None) => fail!(RankMismatch, "axes of the input: expected at least {named}, found {rank}"),
        }
    }

    fn input_size(&self, letter: char, input: &PartialShape, elided: usize) -> Option<Option<usize>> {
        let place = self.input.iter().position(|&c| c == letter)?;
        input.get(if self.dots == Dots::Left { place + elided } else { place }).copied()
    }

    /// The shape of the output. `sizes` are those of its named axes: all of them behind dots on the left, all but the
    /// first otherwise; open ones are those of the input.
    ///
    /// # Errors
    /// `rank_mismatch`; `invalid_argument` for another number of sizes; `dim_mismatch` where they differ from the input's.
    pub fn output(&self, input: &PartialShape, sizes: &PartialShape) -> Result<PartialShape> {
        let elided = self.elided(input)?;
        let batch = usize::from(self.dots != Dots::Left);
        if sizes.rank() + batch != self.output.len() {
            let (expected, found) = (self.output.len() - batch, sizes.rank());
            return Err(err!(InvalidArgument, "output_shape: expected {expected} sizes, found {found}")
                .help("leave the batch out, and what the dots stand for"));
        }
        let mut named = Vec::with_capacity(self.output.len());
        for (place, &letter) in self.output.iter().enumerate() {
            let known = match place.checked_sub(batch) {
                Some(place) => sizes[place],
                None => input.first().copied().flatten(),
            };
            let shared = self.input_size(letter, input, elided).flatten();
            if let (Some(known), Some(shared)) = (known, shared)
                && known != shared
            {
                fail!(DimMismatch, "axis '{letter}' of the output: expected {shared} as in the input, found {known}");
            }
            named.push(known.or(shared));
        }
        Ok(PartialShape(match self.dots {
            Dots::Left => input[..elided].iter().copied().chain(named).collect(),
            _ => named.into_iter().chain(input[input.rank() - elided..].iter().copied()).collect(),
        }))
    }

    /// The shapes of the weights.
    ///
    /// # Errors
    /// As [`EinsumSpec::output`], and `invalid_argument` for letters that come from nowhere, and sizes that are open.
    pub fn shapes(&self, input: &PartialShape, sizes: &PartialShape, bias_axes: Option<&str>) -> Result<EinsumShapes> {
        let (elided, output) = (self.elided(input)?, self.output(input, sizes)?);
        if let Some(letter) = self.output.iter().find(|c| !self.input.contains(c) && !self.kernel.contains(c)) {
            fail!(InvalidArgument, "equation: axis '{letter}' of the output is in neither operand");
        }
        let first = if self.dots == Dots::Left { elided } else { 0 };
        let output_size = |letter: char| {
            let place = self.output.iter().position(|&c| c == letter)?;
            output.get(first + place).copied()
        };
        let known = |letter: char, size: Option<usize>| {
            size.ok_or_else(|| err!(InvalidArgument, "axis '{letter}': expected a known size, found an open one"))
        };
        let (mut kernel, mut input_axes, mut output_axes) = (Vec::new(), Vec::new(), Vec::new());
        for (axis, &letter) in self.kernel.iter().enumerate() {
            let (size, axes) = match (output_size(letter), self.input_size(letter, input, elided)) {
                (Some(size), _) => (size, &mut output_axes),
                (None, Some(size)) => (size, &mut input_axes),
                (None, None) => {
                    fail!(InvalidArgument, "equation: axis '{letter}' of the kernel is in neither input nor output")
                }
            };
            kernel.push(known(letter, size)?);
            axes.push(axis);
        }
        let bias = match bias_axes {
            None => None,
            Some(axes) => {
                if let Some(letter) = axes.chars().find(|c| !self.output.contains(c)) {
                    fail!(InvalidArgument, "bias_axes: expected axes of the output, found '{letter}'");
                }
                let named = self.output.iter().skip_while(|c| !axes.contains(**c));
                let mut bias = named
                    .map(|&c| if axes.contains(c) { known(c, output_size(c).flatten()) } else { Ok(1) })
                    .collect::<Result<Vec<_>>>()?;
                bias.extend(std::iter::repeat_n(1, if self.dots == Dots::Right { elided } else { 0 }));
                Some(bias)
            }
        };
        Ok(EinsumShapes { kernel, bias, input_axes, output_axes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(equation: &str, input: &[Option<usize>], sizes: &[Option<usize>], bias: Option<&str>) -> EinsumShapes {
        let (input, sizes) = (PartialShape(input.to_vec()), PartialShape(sizes.to_vec()));
        EinsumSpec::parse(equation).and_then(|spec| spec.shapes(&input, &sizes, bias)).unwrap()
    }

    #[test]
    fn equations_give_the_shapes_that_keras_finds() {
        let of = |s: EinsumShapes| (s.kernel, s.bias, s.input_axes, s.output_axes);
        let plain = shapes("abc,cd->abd", &[None, Some(3), Some(4)], &[None, Some(5)], Some("d"));
        assert_eq!(of(plain), (vec![4, 5], Some(vec![5]), vec![0], vec![1]));
        let heads = shapes("abc,cde->abde", &[None, Some(3), Some(4)], &[None, Some(5), Some(6)], Some("de"));
        assert_eq!(of(heads), (vec![4, 5, 6], Some(vec![5, 6]), vec![0], vec![1, 2]));
        let left = shapes("...x,xy->...y", &[None, Some(2), Some(3), Some(4)], &[Some(5)], Some("y"));
        assert_eq!(of(left), (vec![4, 5], Some(vec![5]), vec![0], vec![1]));
        let right = shapes("ab...,bc->ac...", &[None, Some(2), Some(3), Some(4)], &[Some(5)], Some("c"));
        assert_eq!(of(right), (vec![2, 5], Some(vec![5, 1, 1]), vec![0], vec![1]));
        let spread = shapes("abc,cde->abde", &[None, Some(3), Some(4)], &[None, Some(5), Some(6)], Some("d"));
        assert_eq!(spread.bias, Some(vec![5, 1]));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for equation in ["ab,bc", "ab,bc,cd->ad", "a...,bc->a...", "...b,bc->c", "a1,1c->ac", ""] {
            assert!(EinsumSpec::parse(equation).is_err(), "{equation}");
        }
        let spec = EinsumSpec::parse("ab,bc->ac").unwrap();
        let input = PartialShape(vec![None, Some(3)]);
        assert!(spec.shapes(&input, &PartialShape(vec![]), None).is_err());
        assert!(spec.shapes(&input, &PartialShape(vec![None]), None).is_err());
        assert!(spec.shapes(&input, &PartialShape(vec![Some(2)]), Some("b")).is_err());
        assert!(spec.shapes(&PartialShape(vec![None]), &PartialShape(vec![Some(2)]), None).is_err());
    }
}
